//! Columns of text, aligned by what is seen.

use console::measure_text_width;

/// Rows under a head, two spaces apart, nothing behind the last column.
pub fn columns<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = head.map(measure_text_width);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(measure_text_width(cell));
        }
    }
    let mut text = String::new();
    let mut line = |cells: [&str; N]| {
        let mut written = String::new();
        for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
            written.push_str(cell);
            if index + 1 < N {
                written.extend(std::iter::repeat_n(' ', width - measure_text_width(cell) + 2));
            }
        }
        text.push_str(written.trim_end());
        text.push('\n');
    };
    line(head);
    for row in rows {
        line(std::array::from_fn(|index| row[index].as_str()));
    }
    text
}
