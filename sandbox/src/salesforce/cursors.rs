//! Open queries whose further pages a client may ask for.

use std::collections::VecDeque;

use super::soql::BoundQuery;
use super::store::RowIx;

/// Most queries kept open; the oldest are closed first (real orgs close them after 15 minutes to two days).
const MAX_CURSORS: usize = 200;

/// A query and what it found.
#[derive(Debug)]
pub struct Cursor {
    /// The query.
    pub query: BoundQuery,
    /// Rows found, in order.
    pub rows: Vec<RowIx>,
    /// Rows per page.
    pub batch: usize,
    locator: String,
}

/// Open queries.
#[derive(Debug, Default)]
pub struct Cursors {
    open: VecDeque<Cursor>,
    issued: u64,
}

impl Cursors {
    /// Keeps a query open and names it.
    pub fn open(&mut self, query: BoundQuery, rows: Vec<RowIx>, batch: usize) -> String {
        while self.open.len() >= MAX_CURSORS {
            self.open.pop_front();
        }
        self.issued += 1;
        let locator = super::ids::RecordId::new("01g", self.issued).to_string();
        self.open.push_back(Cursor { query, rows, batch, locator: locator.clone() });
        locator
    }

    /// The open query of this name.
    #[must_use]
    pub fn find(&self, locator: &str) -> Option<&Cursor> {
        self.open.iter().find(|c| c.locator == locator)
    }
}
