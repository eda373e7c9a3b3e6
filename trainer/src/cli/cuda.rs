//! Whether CUDA can work here, asked before Burn would panic in a worker thread.
//!
//! Only files are looked at: the driver's device nodes, its library and NVRTC where the dynamic
//! loader would find them, and the CUDA headers NVRTC compiles against.

use std::path::PathBuf;

/// Where a machine keeps what CUDA needs.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// Folder of device nodes, usually `/dev`.
    pub devices: PathBuf,
    /// Folders the dynamic loader searches.
    pub libraries: Vec<PathBuf>,
    /// The dynamic loader's cache of other libraries, as bytes.
    pub cache: Vec<u8>,
    /// Folders that may hold `include/cuda_fp16.h`, in the order Burn tries them.
    pub roots: Vec<PathBuf>,
    /// `CUDA_VISIBLE_DEVICES`, if set.
    pub visible: Option<String>,
}

impl Machine {
    /// This machine and environment.
    #[cfg(feature = "cuda")]
    #[must_use]
    pub fn this() -> Self {
        use std::{env, fs};
        let set: Vec<PathBuf> =
            env::var_os("LD_LIBRARY_PATH").map(|v| env::split_paths(&v).collect()).unwrap_or_default();
        let usual = ["/lib64", "/usr/lib64", "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu"];
        let roots = match env::var_os("CUDA_PATH") {
            Some(path) => vec![path.into()],
            None => vec!["/usr/local/cuda".into(), "/opt/cuda".into()],
        };
        Self {
            devices: "/dev".into(),
            libraries: set.into_iter().chain(usual.map(PathBuf::from)).collect(),
            cache: fs::read("/etc/ld.so.cache").unwrap_or_default(),
            roots,
            visible: env::var("CUDA_VISIBLE_DEVICES").ok(),
        }
    }

    /// Whether device `index` can be used.
    ///
    /// # Errors
    /// What is missing and what to set.
    pub fn check(&self, index: usize) -> Result<(), String> {
        let count = self.count();
        if count == 0 {
            return Err(format!("no NVIDIA device ({}/nvidia0 is missing)", self.devices.display()));
        }
        if index >= count {
            return Err(format!("there are {count} devices, numbered from 0"));
        }
        if !self.has(&["libcuda.so.1", "libcuda.so"]) {
            return Err("no CUDA driver: libcuda.so.1 is not on the library path".into());
        }
        if !self.has(&["libnvrtc.so", "libnvrtc.so.13"]) {
            return Err("no NVRTC: add the folder of libnvrtc.so.13 to LD_LIBRARY_PATH".into());
        }
        if !self.roots.iter().any(|r| r.join("include/cuda_fp16.h").exists()) {
            let roots: Vec<String> = self.roots.iter().map(|r| format!("{}/include", r.display())).collect();
            return Err(format!("no CUDA headers in {}: set CUDA_PATH", roots.join(" or ")));
        }
        Ok(())
    }

    /// Devices a program may use.
    fn count(&self) -> usize {
        if self.devices.join("dxg").exists() {
            // Windows Subsystem for Linux has one node for all of them: the driver counts.
            return usize::MAX;
        }
        let nodes = (0..).take_while(|i| self.devices.join(format!("nvidia{i}")).exists()).count();
        match self.visible.as_deref().map(str::trim) {
            None => nodes,
            Some("") => 0,
            Some(list) => list.split(',').count().min(nodes),
        }
    }

    fn has(&self, names: &[&str]) -> bool {
        let cached = |name: &str| {
            let entry = [name.as_bytes(), b"\0"].concat();
            self.cache.windows(entry.len()).any(|w| w == entry)
        };
        names.iter().any(|name| self.libraries.iter().any(|l| l.join(name).exists()) || cached(name))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::fs;

    #[test]
    fn every_missing_part_is_named_in_turn() {
        let dir = tempfile::tempdir().unwrap();
        let touch = |name: &str| {
            let file = dir.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        };
        let mut machine = Machine {
            devices: dir.path().join("dev"),
            libraries: vec![dir.path().join("lib")],
            roots: vec![dir.path().join("cuda")],
            ..Machine::default()
        };
        assert!(machine.check(0).unwrap_err().contains("no NVIDIA device"));
        touch("dev/nvidia0");
        touch("dev/nvidia1");
        assert!(machine.check(2).unwrap_err().contains("there are 2 devices"));
        assert!(machine.check(1).unwrap_err().contains("libcuda.so.1"));
        touch("lib/libcuda.so.1");
        assert!(machine.check(1).unwrap_err().contains("LD_LIBRARY_PATH"));
        machine.cache = b"x\0libnvrtc.so.13\0/usr/lib\0".to_vec();
        assert!(machine.check(1).unwrap_err().contains("CUDA_PATH"));
        touch("cuda/include/cuda_fp16.h");
        assert_eq!(machine.check(1), Ok(()));
        machine.visible = Some("1".into());
        assert!(machine.check(1).unwrap_err().contains("there are 1 devices"));
        machine.visible = Some(String::new());
        assert!(machine.check(0).unwrap_err().contains("no NVIDIA device"));
    }
}
