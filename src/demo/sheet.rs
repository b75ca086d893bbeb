//! A CSV file as a user would upload it.

pub struct Sheet {
    writer: csv::Writer<Vec<u8>>,
}

impl Sheet {
    pub fn new(columns: &[&str]) -> Sheet {
        let mut sheet = Sheet { writer: csv::Writer::from_writer(Vec::new()) };
        sheet.row(columns);
        sheet
    }

    pub fn row<C: AsRef<[u8]>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.writer.write_record(cells).expect("every row has the columns of the first");
    }

    pub fn text(self) -> String {
        let bytes = self.writer.into_inner().expect("memory does not fail");
        String::from_utf8(bytes).expect("every cell is text")
    }
}
