//! What the exit code says, decided in one place.

/// How a command ended, as its caller sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    AllDone = 0,
    SomeDead = 1,
    Usage = 2,
    SomeRejected = 3,
    Key = 4,
    Unreachable = 5,
    LimitReached = 6,
    NothingToDo = 7,
    Pending = 8,
    Internal = 70,
    Interrupted = 130,
}

impl ExitCode {
    /// All of them, by number.
    pub const ALL: [Self; 11] = [
        Self::AllDone,
        Self::SomeDead,
        Self::Usage,
        Self::SomeRejected,
        Self::Key,
        Self::Unreachable,
        Self::LimitReached,
        Self::NothingToDo,
        Self::Pending,
        Self::Internal,
        Self::Interrupted,
    ];

    /// Those that say that something is not as it should be, the weightiest first.
    pub const PRECEDENCE: [Self; 10] = [
        Self::Interrupted,
        Self::Internal,
        Self::Usage,
        Self::Key,
        Self::Unreachable,
        Self::LimitReached,
        Self::Pending,
        Self::SomeDead,
        Self::SomeRejected,
        Self::NothingToDo,
    ];

    /// What the operating system is told.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// One line for a person.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::AllDone => "all done",
            Self::SomeDead => "some jobs are dead",
            Self::Usage => "usage or configuration",
            Self::SomeRejected => "some inputs were rejected, the rest is fine",
            Self::Key => "a key is missing or was refused",
            Self::Unreachable => "the ledger or a model service cannot be reached",
            Self::LimitReached => "a budget, time or failure limit was reached",
            Self::NothingToDo => "nothing to do: no input matched",
            Self::Pending => "still pending or blocked",
            Self::Internal => "a bug of ours",
            Self::Interrupted => "interrupted, the work is kept",
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}

/// The code to end with when several apply; none applies: all done.
pub fn first_of(codes: &[ExitCode]) -> ExitCode {
    ExitCode::PRECEDENCE.into_iter().find(|code| codes.contains(code)).unwrap_or(ExitCode::AllDone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weightiest_code_wins_whatever_the_order() {
        let check = |numbers: &[u8], expected: u8| {
            let codes: Vec<ExitCode> =
                ExitCode::ALL.into_iter().filter(|c| numbers.contains(&c.number())).collect();
            let backwards: Vec<ExitCode> = codes.iter().rev().copied().collect();
            assert_eq!(codes.len(), numbers.len(), "{numbers:?}");
            assert_eq!(first_of(&codes).number(), expected, "{numbers:?}");
            assert_eq!(first_of(&backwards).number(), expected, "{numbers:?}");
        };
        check(&[], 0);
        check(&[0], 0);
        check(&[0, 3], 3);
        check(&[3, 7], 3);
        check(&[1, 3], 1);
        check(&[1, 8], 8);
        check(&[6, 8], 6);
        check(&[5, 6], 5);
        check(&[4, 5], 4);
        check(&[2, 4], 2);
        check(&[2, 70], 70);
        check(&[70, 130], 130);
        check(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 70, 130], 130);
    }

    #[test]
    fn every_code_but_success_has_its_place() {
        for code in ExitCode::ALL {
            assert_eq!(ExitCode::PRECEDENCE.contains(&code), code != ExitCode::AllDone, "{code:?}");
            assert!(!code.meaning().is_empty());
        }
    }
}
