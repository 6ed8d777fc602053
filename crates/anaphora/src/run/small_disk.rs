//! A disk that is soon full, for tests.

use std::path::Path;
use std::process::{Command, Stdio};

/// A mounted file system in memory; it goes when this is dropped.
pub struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// A disk of `size` ("52k"), or `None` and a message where the system does not let us mount one.
    pub fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(folder.path());
        if mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
            return Some(Self(folder));
        }
        println!("skipped: mounting a small disk needs Linux and root");
        None
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, for a failed test may hold files open.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}
