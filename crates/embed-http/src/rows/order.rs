//! The order of rows that carry their own `index`.

use serde_json::Value;

use super::error::{DecodeFault, excerpt};

/// For each of the rows its place; `None` where they are in order already.
///
/// Rows without an `index` stay in the order of the answer if none has one. A `null` is none.
pub(super) fn places(rows: &Value) -> Result<Option<Vec<usize>>, DecodeFault> {
    let Some(rows) = rows.as_array() else {
        return Ok(None);
    };
    let indices: Vec<_> = rows
        .iter()
        .map(|row| row.get("index").filter(|index| !index.is_null()))
        .collect();
    let with = indices.iter().position(Option::is_some);
    let without = indices.iter().position(Option::is_none);
    match (with, without) {
        (Some(with), Some(without)) => Err(fault(format!(
            "row {with} has an `index`, row {without} has none"
        ))),
        (Some(_), None) => permutation(indices.into_iter().flatten(), rows.len()),
        (None, _) => Ok(None),
    }
}

fn permutation<'a>(
    indices: impl Iterator<Item = &'a Value>,
    rows: usize,
) -> Result<Option<Vec<usize>>, DecodeFault> {
    let mut taken = vec![false; rows];
    let mut places = Vec::with_capacity(rows);
    for (row, index) in indices.enumerate() {
        let place = index
            .as_u64()
            .and_then(|index| usize::try_from(index).ok())
            .filter(|place| *place < rows)
            .ok_or_else(|| {
                let index = excerpt(index.to_string().as_bytes());
                fault(format!("row {row} of {rows} has the `index` {index}"))
            })?;
        if std::mem::replace(&mut taken[place], true) {
            return Err(fault(format!(
                "the `index` {place} is there twice, the second time in row {row}"
            )));
        }
        places.push(place);
    }
    let in_order = places.iter().enumerate().all(|(row, place)| row == *place);
    Ok((!in_order).then_some(places))
}

fn fault(message: String) -> DecodeFault {
    DecodeFault::Index { message }
}
