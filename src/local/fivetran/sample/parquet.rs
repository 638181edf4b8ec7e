//! The shop as Parquet files, for benches and for trying other tools on it.

use std::path::{Path, PathBuf};

use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::errors::ParquetError;
use thiserror::Error;

use super::{Rows, Shop, Table, horizon};

/// Why the files could not be written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The file cannot be made.
    #[error("cannot write {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The file system's answer.
        source: std::io::Error,
    },
    /// The rows could not be encoded or written.
    #[error("cannot write {}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The encoder's answer.
        source: ParquetError,
    },
}

/// Writes the shop as the first sync sees it into `customers.parquet`, `orders.parquet`, `order_items.parquet` and
/// `products.parquet` in a folder, which is made if it is missing; returns how many orders there are. A thousand
/// customers have about 1,730 orders (guests' included), so 5,800,000 give about ten million. Memory stays bounded.
///
/// # Errors
/// Fails if the file system refuses.
pub fn write_parquet(dir: &Path, customers: u32, seed: u64) -> Result<u64, WriteError> {
    std::fs::create_dir_all(dir).map_err(|source| WriteError::Io { path: dir.to_owned(), source })?;
    let shop = Shop::new(seed, customers);
    let mut orders = 0;
    for table in Table::ALL {
        let path = dir.join(format!("{}.parquet", table.name()));
        let file = std::fs::File::create(&path).map_err(|source| WriteError::Io { path: path.clone(), source })?;
        let failed = |source| WriteError::Parquet { path: path.clone(), source };
        let mut writer = ArrowWriter::try_new(file, table.schema(), None).map_err(failed)?;
        for batch in shop.read(table, Rows::All, horizon(0)) {
            if table == Table::Orders {
                orders += batch.num_rows() as u64;
            }
            writer.write(&batch).map_err(failed)?;
        }
        writer.close().map_err(failed)?;
    }
    Ok(orders)
}
