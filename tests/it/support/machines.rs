//! Machines that share nothing: network namespaces behind one bridge, where this user may make
//! them. Everything is gone when the value is dropped.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Where the tool for networks may be; ordinary users have not all of these in their path.
const TOOLS: [&str; 3] = ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip"];

/// How many networks this process has had.
static UP: AtomicU32 = AtomicU32::new(0);

/// Machines on one cable, each with an address of its own.
#[derive(Debug)]
pub(crate) struct Machines {
    tool: &'static str,
    /// What the names of bridge and namespaces begin with.
    mark: String,
    /// Makes addresses that other tests at the same time will hardly have.
    network: u32,
    names: Vec<&'static str>,
}

impl Machines {
    /// Brings up machines of these names; none: this user may not.
    pub(crate) fn up(names: &[&'static str]) -> Option<Self> {
        let tool = TOOLS.into_iter().find(|tool| Path::new(tool).exists())?;
        remove_leavings(tool);
        let nth = UP.fetch_add(1, Ordering::SeqCst);
        let mark = format!("tr{}n{nth}", std::process::id());
        let network = std::process::id().wrapping_mul(8).wrapping_add(nth);
        let machines = Self { tool, mark, network, names: names.to_vec() };
        let bridge = format!("{}b", machines.mark);
        let is_up = machines.ip(&["link", "add", &bridge, "type", "bridge"])
            && machines.ip(&["addr", "add", &format!("{}/24", machines.outside()), "dev", &bridge])
            && machines.ip(&["link", "set", &bridge, "up"])
            && names.iter().all(|name| machines.plug_in(name, &bridge));
        // Half a network is taken down again by its drop.
        is_up.then_some(machines)
    }

    /// The address of this test's own process on the cable.
    pub(crate) fn outside(&self) -> Ipv4Addr {
        self.address(0)
    }

    /// The address of one of the machines.
    pub(crate) fn address_of(&self, name: &str) -> Ipv4Addr {
        self.address(1 + self.position(name))
    }

    /// What to start a program with so that it runs on this machine, under its name.
    pub(crate) fn starter(&self, name: &str) -> Vec<String> {
        let namespace = self.namespace(name);
        let words = [self.tool, "netns", "exec", &namespace, "unshare", "--uts", "sh", "-c"];
        let script = format!("hostname {name}; exec \"$@\"");
        words.into_iter().chain([script.as_str(), "sh"]).map(str::to_owned).collect()
    }

    /// Pulls a machine's cable, or puts it back.
    pub(crate) fn plug(&self, name: &str, is_in: bool) {
        let cable = self.cable(self.position(name));
        assert!(self.ip(&["link", "set", &cable, if is_in { "up" } else { "down" }]));
    }

    fn plug_in(&self, name: &str, bridge: &str) -> bool {
        let (namespace, cable) = (self.namespace(name), self.cable(self.position(name)));
        let address = format!("{}/24", self.address_of(name));
        let inside =
            |words: &[&str]| self.ip(&[&["netns", "exec", &namespace, self.tool], words].concat());
        self.ip(&["netns", "add", &namespace])
            && self.ip(&[
                "link", "add", &cable, "type", "veth", "peer", "name", "eth0", "netns", &namespace,
            ])
            && self.ip(&["link", "set", &cable, "master", bridge])
            && self.ip(&["link", "set", &cable, "up"])
            && inside(&["addr", "add", &address, "dev", "eth0"])
            && inside(&["link", "set", "eth0", "up"])
            && inside(&["link", "set", "lo", "up"])
    }

    fn ip(&self, words: &[&str]) -> bool {
        ip(self.tool, words)
    }

    fn position(&self, name: &str) -> usize {
        self.names.iter().position(|known| *known == name).expect("a machine that was named")
    }

    fn namespace(&self, name: &str) -> String {
        format!("{}-{name}", self.mark)
    }

    fn cable(&self, position: usize) -> String {
        format!("{}v{position}", self.mark)
    }

    fn address(&self, position: usize) -> Ipv4Addr {
        let [.., third, last] = self.network.to_be_bytes();
        let host = u8::try_from(position + 1).expect("a handful of machines");
        Ipv4Addr::new(10, 128 | third >> 1, last, host)
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        for name in &self.names {
            self.ip(&["netns", "del", &self.namespace(name)]);
        }
        self.ip(&["link", "del", &format!("{}b", self.mark)]);
    }
}

fn ip(tool: &str, words: &[&str]) -> bool {
    let mut command = Command::new(tool);
    command.args(words).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Takes down what a test left that was itself killed.
fn remove_leavings(tool: &str) {
    let Ok(list) = Command::new(tool).args(["netns", "list"]).output() else { return };
    for line in String::from_utf8_lossy(&list.stdout).lines() {
        let namespace = line.split_whitespace().next().unwrap_or_default();
        let Some((mark, _)) = namespace.split_once('-') else { continue };
        let pid = mark.strip_prefix("tr").and_then(|rest| rest.split_once('n'));
        let Some((pid, _)) = pid.filter(|(pid, _)| pid.parse::<u32>().is_ok()) else { continue };
        if !Path::new("/proc").join(pid).exists() {
            ip(tool, &["netns", "del", namespace]);
            ip(tool, &["link", "del", &format!("{mark}b")]);
        }
    }
}
