//! Names for colours, in the two languages of the discussions.

/// A colour people have a word for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColourName {
    Black,
    Charcoal,
    Grey,
    LightGrey,
    White,
    Cream,
    Beige,
    Brown,
    DarkBrown,
    Maroon,
    Red,
    Coral,
    Orange,
    Gold,
    Yellow,
    Olive,
    Lime,
    Green,
    DarkGreen,
    Teal,
    Turquoise,
    SkyBlue,
    Blue,
    Navy,
    Slate,
    Purple,
    Violet,
    Magenta,
    Pink,
    Mauve,
    Peach,
    Sage,
}

impl ColourName {
    pub(crate) const ALL: [Self; 32] = [
        Self::Black,
        Self::Charcoal,
        Self::Grey,
        Self::LightGrey,
        Self::White,
        Self::Cream,
        Self::Beige,
        Self::Brown,
        Self::DarkBrown,
        Self::Maroon,
        Self::Red,
        Self::Coral,
        Self::Orange,
        Self::Gold,
        Self::Yellow,
        Self::Olive,
        Self::Lime,
        Self::Green,
        Self::DarkGreen,
        Self::Teal,
        Self::Turquoise,
        Self::SkyBlue,
        Self::Blue,
        Self::Navy,
        Self::Slate,
        Self::Purple,
        Self::Violet,
        Self::Magenta,
        Self::Pink,
        Self::Mauve,
        Self::Peach,
        Self::Sage,
    ];

    /// The name of the nearest known colour.
    pub fn of(rgb: [u8; 3]) -> Self {
        Self::ALL.into_iter().min_by_key(|name| distance(rgb, name.rgb())).expect("there are names")
    }

    pub fn english(self) -> &'static str {
        self.entry().0
    }

    pub fn chinese(self) -> &'static str {
        self.entry().1
    }

    /// The colour that bears this name best.
    pub fn rgb(self) -> [u8; 3] {
        self.entry().2
    }

    fn entry(self) -> (&'static str, &'static str, [u8; 3]) {
        match self {
            Self::Black => ("black", "黑色", [12, 12, 14]),
            Self::Charcoal => ("charcoal", "炭灰色", [62, 62, 66]),
            Self::Grey => ("grey", "灰色", [128, 128, 128]),
            Self::LightGrey => ("light grey", "浅灰色", [196, 196, 198]),
            Self::White => ("white", "白色", [252, 252, 252]),
            Self::Cream => ("cream", "米白色", [250, 240, 216]),
            Self::Beige => ("beige", "米色", [218, 196, 160]),
            Self::Brown => ("brown", "棕色", [146, 92, 54]),
            Self::DarkBrown => ("dark brown", "深棕色", [76, 46, 28]),
            Self::Maroon => ("maroon", "暗红色", [122, 20, 32]),
            Self::Red => ("red", "红色", [212, 36, 36]),
            Self::Coral => ("coral", "珊瑚色", [240, 124, 102]),
            Self::Orange => ("orange", "橙色", [244, 140, 34]),
            Self::Gold => ("gold", "金色", [208, 164, 56]),
            Self::Yellow => ("yellow", "黄色", [248, 224, 64]),
            Self::Olive => ("olive", "橄榄色", [114, 116, 48]),
            Self::Lime => ("lime green", "黄绿色", [164, 210, 74]),
            Self::Green => ("green", "绿色", [62, 156, 72]),
            Self::DarkGreen => ("dark green", "墨绿色", [24, 74, 44]),
            Self::Teal => ("teal", "青色", [22, 118, 120]),
            Self::Turquoise => ("turquoise", "青绿色", [84, 204, 194]),
            Self::SkyBlue => ("sky blue", "天蓝色", [146, 198, 232]),
            Self::Blue => ("blue", "蓝色", [42, 92, 196]),
            Self::Navy => ("navy", "藏青色", [26, 36, 78]),
            Self::Slate => ("slate blue", "石板蓝", [96, 110, 146]),
            Self::Purple => ("purple", "紫色", [112, 28, 132]),
            Self::Violet => ("lavender", "淡紫色", [176, 152, 208]),
            Self::Magenta => ("magenta", "洋红色", [206, 50, 136]),
            Self::Pink => ("pink", "粉色", [246, 180, 196]),
            Self::Mauve => ("mauve", "藕荷色", [156, 104, 132]),
            Self::Peach => ("peach", "桃色", [252, 188, 142]),
            Self::Sage => ("sage green", "灰绿色", [126, 152, 118]),
        }
    }
}

/// Differences of hue weigh more than those of light, roughly as the eye has it.
fn distance(one: [u8; 3], other: [u8; 3]) -> i32 {
    let [dr, dg, db] = std::array::from_fn(|i| i32::from(one[i]) - i32::from(other[i]));
    let light = 3 * dr + 6 * dg + db; // ten times
    let (red_green, blue_yellow) = (dr - dg, 2 * db - dr - dg);
    light * light / 100 + red_green * red_green + blue_yellow * blue_yellow / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_bears_its_own_name() {
        for (index, name) in ColourName::ALL.into_iter().enumerate() {
            assert_eq!(ColourName::of(name.rgb()), name);
            assert_eq!(name as usize, index, "ALL is in the order of the names");
        }
    }

    #[test]
    fn pure_colours_are_called_what_people_call_them() {
        let check = |rgb, english: &str, chinese: &str| {
            let name = ColourName::of(rgb);
            assert_eq!((name.english(), name.chinese()), (english, chinese), "{rgb:?}");
        };
        check([255, 0, 0], "red", "红色");
        check([0, 0, 0], "black", "黑色");
        check([255, 255, 255], "white", "白色");
        check([0, 0, 255], "blue", "蓝色");
        check([0, 128, 0], "green", "绿色");
        check([255, 255, 0], "yellow", "黄色");
        check([255, 165, 0], "orange", "橙色");
        check([128, 0, 128], "purple", "紫色");
        check([128, 128, 128], "grey", "灰色");
        check([139, 69, 19], "brown", "棕色");
        check([0, 0, 100], "navy", "藏青色");
        check([255, 192, 203], "pink", "粉色");
        check([0, 128, 128], "teal", "青色");
    }
}
