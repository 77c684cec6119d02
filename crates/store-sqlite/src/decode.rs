//! Reads the columns of a row, in the order in which its statement names them.
//!
//! A value that its column does not promise is `Corrupt` with its place, never a guess.

use std::str::FromStr;

use rusqlite::Row;
use rusqlite::types::FromSql;
use serde::de::DeserializeOwned;
use taskpilot_domain::time::Timestamp;

use crate::failure::Failure;

/// The columns of one row that are not read yet.
pub(crate) struct Columns<'r, 's> {
    row: &'r Row<'s>,
    table: &'static str,
    id: i64,
    next: usize,
}

impl<'r, 's> Columns<'r, 's> {
    /// The columns of `row`, whose first one is its id.
    pub(crate) fn of(row: &'r Row<'s>, table: &'static str) -> Result<Self, Failure> {
        Ok(Self {
            row,
            table,
            id: row.get(0)?,
            next: 0,
        })
    }

    /// The next column as the engine has it.
    pub(crate) fn value<T: FromSql>(&mut self, column: &'static str) -> Result<T, Failure> {
        let index = self.next;
        debug_assert_eq!(
            self.row.as_ref().column_name(index).ok(),
            Some(column),
            "the order of the columns of {}",
            self.table
        );
        self.next += 1;
        self.row.get(index).map_err(|_| self.corrupt(column))
    }

    /// The next column as a name, a word, an id: whatever is read from text.
    pub(crate) fn word<T: FromStr>(&mut self, column: &'static str) -> Result<T, Failure> {
        let text: String = self.value(column)?;
        text.parse().map_err(|_| self.corrupt(column))
    }

    /// The same, where there may be none.
    pub(crate) fn word_or_none<T: FromStr>(
        &mut self,
        column: &'static str,
    ) -> Result<Option<T>, Failure> {
        let text: Option<String> = self.value(column)?;
        text.map(|text| text.parse())
            .transpose()
            .map_err(|_| self.corrupt(column))
    }

    /// The next column as a number with rules of its own: an id, a count.
    pub(crate) fn number<T: TryFrom<i64>>(&mut self, column: &'static str) -> Result<T, Failure> {
        let number: i64 = self.value(column)?;
        T::try_from(number).map_err(|_| self.corrupt(column))
    }

    /// The same, where there may be none.
    pub(crate) fn number_or_none<T: TryFrom<i64>>(
        &mut self,
        column: &'static str,
    ) -> Result<Option<T>, Failure> {
        let number: Option<i64> = self.value(column)?;
        number
            .map(T::try_from)
            .transpose()
            .map_err(|_| self.corrupt(column))
    }

    /// The next column as an instant.
    pub(crate) fn instant(&mut self, column: &'static str) -> Result<Timestamp, Failure> {
        let millis: i64 = self.value(column)?;
        self.as_instant(column, millis)
    }

    /// The same, where there may be none.
    pub(crate) fn instant_or_none(
        &mut self,
        column: &'static str,
    ) -> Result<Option<Timestamp>, Failure> {
        let millis: Option<i64> = self.value(column)?;
        millis
            .map(|millis| self.as_instant(column, millis))
            .transpose()
    }

    /// The next column as JSON; an empty column is the default.
    pub(crate) fn json_or_default<T: DeserializeOwned + Default>(
        &mut self,
        column: &'static str,
    ) -> Result<T, Failure> {
        let text: Option<String> = self.value(column)?;
        text.map_or_else(
            || Ok(T::default()),
            |text| serde_json::from_str(&text).map_err(|_| self.corrupt(column)),
        )
    }

    /// A failure about `column` of this row.
    pub(crate) fn corrupt(&self, column: &'static str) -> Failure {
        Failure::Corrupt {
            table: self.table,
            column,
            id: self.id,
        }
    }

    fn as_instant(&self, column: &'static str, millis: i64) -> Result<Timestamp, Failure> {
        let instant = Timestamp::from_millis(millis);
        if instant.as_millis() == millis {
            Ok(instant)
        } else {
            Err(self.corrupt(column))
        }
    }
}
