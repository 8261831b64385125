//! A table for a person.

/// Rows of cells under a heading. Columns of numbers are aligned to the right.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns; a name that begins with `>` is aligned to the right.
    pub fn new(columns: &[&str]) -> Self {
        Table { rows: vec![columns.iter().map(|&column| column.to_owned()).collect()] }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table as text, each line indented by two.
    pub fn text(mut self) -> String {
        let right: Vec<bool> = self.rows[0].iter().map(|column| column.starts_with('>')).collect();
        for column in &mut self.rows[0] {
            if let Some(name) = column.strip_prefix('>') {
                *column = name.to_owned();
            }
        }
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..right.len()).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let width = widths.get(column).copied().unwrap_or(0);
                let cell = match right.get(column) {
                    Some(true) => format!("{cell:>width$}"),
                    _ => format!("{cell:<width$}"),
                };
                line.push_str("  ");
                line.push_str(&cell);
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["name", ">bytes", "why"]);
        table.row(["a", "1,000", "x"].map(str::to_owned));
        table.row(["longer", "1", ""].map(str::to_owned));
        assert_eq!(table.text(), "  name    bytes  why\n  a       1,000  x\n  longer      1\n");
    }
}
