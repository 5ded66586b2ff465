//! Vectors on the wire: pgvector's binary form, which is the values in network order behind their number.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

/// A vector to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent<'a>(pub(super) &'a [f32]);

impl ToSql for Sent<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.reserve(4 + self.0.len() * 4);
        out.put_u16(u16::try_from(self.0.len())?);
        out.put_u16(0);
        self.0.iter().for_each(|&value| out.put_f32(value));
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        ty.name() == "vector"
    }

    to_sql_checked!();
}

/// A vector as it came.
#[derive(Debug)]
pub(super) struct Received(pub(super) Vec<f32>);

impl<'a> FromSql<'a> for Received {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let (head, values) = raw.split_at_checked(4).ok_or("a vector without its head")?;
        let (values, rest) = values.as_chunks::<4>();
        if !rest.is_empty() || values.len() != usize::from(u16::from_be_bytes([head[0], head[1]])) {
            return Err("a vector of another length than its head says".into());
        }
        Ok(Self(
            values.iter().map(|&value| f32::from_be_bytes(value)).collect(),
        ))
    }

    fn accepts(ty: &Type) -> bool {
        ty.name() == "vector"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_there_and_back() {
        let values = [1.5, -0.0, f32::MIN_POSITIVE, 3.402_823_5e38];
        let mut bytes = BytesMut::new();
        Sent(&values).to_sql(&Type::UNKNOWN, &mut bytes).unwrap();
        let back = Received::from_sql(&Type::UNKNOWN, &bytes).unwrap().0;
        assert_eq!(back.map_bits(), values.to_vec().map_bits());
        for cut in [0, 3, 7, bytes.len() - 1] {
            assert!(Received::from_sql(&Type::UNKNOWN, &bytes[..cut]).is_err());
        }
    }

    trait Bits {
        fn map_bits(self) -> Vec<u32>;
    }
    impl Bits for Vec<f32> {
        fn map_bits(self) -> Vec<u32> {
            self.into_iter().map(f32::to_bits).collect()
        }
    }
}
