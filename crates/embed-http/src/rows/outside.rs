//! The JSON around the vectors: finds where they stand, and keeps the rest, with each vector replaced by its count.
//!
//! The structure (braces, brackets, commas, colons) is checked here, byte by byte, since telling a member name from a
//! string that looks like one needs it anyway. Strings, numbers and literals are only delimited; `serde_json`, which
//! gets the kept text in the end, checks them.

use serde_json::Value;

use super::Layout;
use super::error::{DecodeFault, excerpt};
use super::surrogates;

/// Deepest nesting, as in `serde_json`.
const DEEPEST: u32 = 127;

/// Most bytes to keep: so much for the answer as such, and so much for each row that was asked for.
const KEPT: usize = 256 << 10;
const KEPT_PER_ROW: usize = 256;

/// What may come next. Blanks may come anywhere but inside a string or scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Value,
    ValueOrEnd,
    Name,
    NameOrEnd,
    Colon,
    CommaOrEnd,
    /// Nothing: the answer is complete.
    Nothing,
    /// More of a string; `name` where it is the name of a member, `escaped` behind a backslash.
    String {
        name: bool,
        escaped: bool,
    },
    /// More of a number or literal.
    Scalar,
}

/// Where the bytes that were taken led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Led {
    /// Nowhere yet; all bytes were taken.
    On,
    /// To the `[` of a vector.
    ToVector,
    /// To the opening quote of a vector in base64.
    ToBase64,
}

#[derive(Debug)]
pub(super) struct Outside {
    layout: Layout,
    expect: Expect,
    /// Open braces and brackets, the innermost in the lowest bit: 1 is a brace.
    open: u128,
    depth: u32,
    /// Within the array that holds the rows.
    in_rows: bool,
    /// The member whose value comes next is the one with the rows or vector.
    wanted: bool,
    /// That member was there, at the top level and in the current row.
    found_rows: bool,
    found_vector: bool,
    kept: Vec<u8>,
    /// Where in `kept` the string that is being read begins.
    string: usize,
    limit: usize,
    /// Bytes of the answer up to here.
    offset: u64,
}

impl Outside {
    pub(super) fn new(layout: Layout, rows: usize) -> Self {
        Self {
            layout,
            expect: Expect::Value,
            open: 0,
            depth: 0,
            in_rows: false,
            wanted: false,
            found_rows: false,
            found_vector: false,
            kept: Vec::new(),
            string: 0,
            limit: rows.saturating_mul(KEPT_PER_ROW).saturating_add(KEPT),
            offset: 0,
        }
    }

    /// Whether the answer may end here.
    pub(super) fn is_complete(&self) -> bool {
        self.expect == Expect::Nothing
    }

    /// Whether the member with the rows was there.
    pub(super) fn found_rows(&self) -> bool {
        self.found_rows
    }

    /// Bytes of the answer so far.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads on; `rows` is the number of complete ones. Gives the bytes it took and where the last of them led to.
    pub(super) fn push(&mut self, bytes: &[u8], rows: usize) -> Result<(usize, Led), DecodeFault> {
        for (at, &byte) in bytes.iter().enumerate() {
            let led = self.byte(byte, rows)?;
            self.offset += 1;
            if led != Led::On {
                return Ok((at + 1, led));
            }
        }
        Ok((bytes.len(), Led::On))
    }

    /// Takes note of bytes that others read.
    pub(super) fn skipped(&mut self, bytes: usize) {
        self.offset += bytes as u64;
    }

    /// Goes on behind a vector of so many values.
    pub(super) fn resume(&mut self, values: usize) -> Result<(), DecodeFault> {
        self.expect = Expect::CommaOrEnd;
        values.to_string().bytes().try_for_each(|digit| self.keep(digit))
    }

    /// What was kept, checked.
    pub(super) fn finish(self) -> Result<Value, DecodeFault> {
        serde_json::from_slice(&self.kept).map_err(|error| {
            // The position is one in the kept text, which means nothing to anyone else.
            let message = error.to_string();
            let reason = message.split(" at line ").next().unwrap_or_default();
            let end = error.column().min(self.kept.len());
            let near = excerpt(&self.kept[end.saturating_sub(30)..end]);
            DecodeFault::Syntax {
                message: format!("{reason}, behind `{near}`"),
            }
        })
    }

    #[inline]
    fn byte(&mut self, byte: u8, rows: usize) -> Result<Led, DecodeFault> {
        match self.expect {
            Expect::String { escaped: true, name } => {
                self.expect = Expect::String { escaped: false, name };
                self.keep(byte)?;
                return Ok(Led::On);
            }
            Expect::String { name, .. } => {
                self.keep(byte)?;
                match byte {
                    b'\\' => self.expect = Expect::String { escaped: true, name },
                    b'"' => self.string_ended(name, rows)?,
                    _ => {}
                }
                return Ok(Led::On);
            }
            Expect::Scalar if !is_delimiter(byte) => {
                self.keep(byte)?;
                return Ok(Led::On);
            }
            Expect::Scalar => self.expect = Expect::CommaOrEnd,
            _ => {}
        }
        match (self.expect, byte) {
            (_, b' ' | b'\n' | b'\r' | b'\t') => {}
            (Expect::ValueOrEnd, b']') => self.close(byte)?,
            (Expect::Value | Expect::ValueOrEnd, b',' | b':' | b']' | b'}') => {
                return Err(self.unexpected(byte));
            }
            (Expect::Value | Expect::ValueOrEnd, _) => return self.value(byte, rows),
            (Expect::Name | Expect::NameOrEnd, b'"') => self.begin_string(true)?,
            (Expect::NameOrEnd, b'}') => self.close_object(rows)?,
            (Expect::Colon, b':') => {
                self.expect = Expect::Value;
                self.keep(byte)?;
            }
            (Expect::CommaOrEnd, b',') => {
                self.expect = if self.in_object() {
                    Expect::Name
                } else {
                    Expect::Value
                };
                self.keep(byte)?;
            }
            (Expect::CommaOrEnd, b'}') if self.in_object() => self.close_object(rows)?,
            (Expect::CommaOrEnd, b']') if !self.in_object() => self.close(byte)?,
            _ => return Err(self.unexpected(byte)),
        }
        Ok(Led::On)
    }

    /// The first byte of a value.
    fn value(&mut self, byte: u8, rows: usize) -> Result<Led, DecodeFault> {
        let wanted = std::mem::take(&mut self.wanted);
        if self.depth == 0 && byte != b'{' {
            return Err(self.unexpected(byte));
        }
        if wanted {
            match (self.place(), byte) {
                (Place::Top, b'n') => {}
                (Place::Top, b'[') if self.layout != Layout::OllamaLegacy => self.in_rows = true,
                (Place::Row, b'"') => return Ok(Led::ToBase64),
                (Place::Top | Place::Row, b'[') => return Ok(Led::ToVector),
                (Place::Top, _) => {
                    let member = self.layout.rows_member();
                    let found = name_of(byte);
                    return Err(DecodeFault::NotRows { member, found });
                }
                _ => {
                    let found = name_of(byte);
                    return Err(DecodeFault::NotARow { row: rows, found });
                }
            }
        } else if self.place() == Place::Rows {
            match (self.layout, byte) {
                (Layout::OpenAi, b'{') => self.found_vector = false,
                (Layout::Ollama, b'[') => return Ok(Led::ToVector),
                _ => {
                    let found = name_of(byte);
                    return Err(DecodeFault::NotARow { row: rows, found });
                }
            }
        }
        match byte {
            b'{' => self.open(true)?,
            b'[' => self.open(false)?,
            b'"' => return self.begin_string(false).map(|()| Led::On),
            _ => self.expect = Expect::Scalar,
        }
        self.keep(byte)?;
        Ok(Led::On)
    }

    fn open(&mut self, object: bool) -> Result<(), DecodeFault> {
        if self.depth == DEEPEST {
            return Err(DecodeFault::TooLarge {
                what: "the nesting of the answer",
                limit: DEEPEST as usize,
            });
        }
        self.open = self.open << 1 | u128::from(object);
        self.depth += 1;
        self.expect = if object {
            Expect::NameOrEnd
        } else {
            Expect::ValueOrEnd
        };
        Ok(())
    }

    fn close(&mut self, byte: u8) -> Result<(), DecodeFault> {
        self.open >>= 1;
        self.depth -= 1;
        self.in_rows &= self.depth >= 2;
        self.expect = if self.depth == 0 {
            Expect::Nothing
        } else {
            Expect::CommaOrEnd
        };
        self.keep(byte)
    }

    fn close_object(&mut self, rows: usize) -> Result<(), DecodeFault> {
        if self.place() == Place::Row && !self.found_vector {
            return Err(DecodeFault::MissingMember {
                member: self.layout.vector_member(),
                row: Some(rows),
            });
        }
        self.close(b'}')
    }

    fn begin_string(&mut self, name: bool) -> Result<(), DecodeFault> {
        self.expect = Expect::String { name, escaped: false };
        self.string = self.kept.len();
        self.keep(b'"')
    }

    fn string_ended(&mut self, name: bool, rows: usize) -> Result<(), DecodeFault> {
        surrogates::replace_unpaired(&mut self.kept, self.string);
        if !name {
            self.expect = Expect::CommaOrEnd;
            return Ok(());
        }
        self.expect = Expect::Colon;
        let text = &self.kept[self.string..];
        let (member, found, row) = match self.place() {
            Place::Top => (self.layout.rows_member(), &mut self.found_rows, None),
            // Its vector, if it was there, is counted among the complete rows.
            Place::Row => (
                self.layout.vector_member(),
                &mut self.found_vector,
                Some(rows.saturating_sub(1)),
            ),
            Place::Rows | Place::Elsewhere => return Ok(()),
        };
        if is_string(text, member) {
            if *found {
                return Err(DecodeFault::DuplicateMember { member, row });
            }
            *found = true;
            self.wanted = true;
        }
        Ok(())
    }

    fn place(&self) -> Place {
        match self.depth {
            1 => Place::Top,
            2 if self.in_rows => Place::Rows,
            3 if self.in_rows => Place::Row,
            _ => Place::Elsewhere,
        }
    }

    fn in_object(&self) -> bool {
        self.open & 1 == 1
    }

    #[inline]
    fn keep(&mut self, byte: u8) -> Result<(), DecodeFault> {
        if self.kept.len() == self.limit {
            return Err(DecodeFault::TooLarge {
                what: "what the answer holds besides vectors, in bytes,",
                limit: self.limit,
            });
        }
        self.kept.push(byte);
        Ok(())
    }

    fn unexpected(&self, byte: u8) -> DecodeFault {
        let found = excerpt(&[byte]);
        let offset = self.offset;
        let wanted = match self.expect {
            Expect::Value if self.depth == 0 && byte == 0xef => "`{`, found what may be a byte order mark,",
            Expect::Value if self.depth == 0 => "`{`",
            Expect::Value | Expect::ValueOrEnd => "a value",
            Expect::Name | Expect::NameOrEnd => "the name of a member",
            Expect::Colon => "`:`",
            Expect::CommaOrEnd if self.in_object() => "`,` or `}`",
            Expect::CommaOrEnd => "`,` or `]`",
            _ => "nothing more",
        };
        DecodeFault::Syntax {
            message: format!("expected {wanted} at byte {offset}, found `{found}`"),
        }
    }
}

/// Where the innermost open brace or bracket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The answer itself.
    Top,
    /// The array of rows.
    Rows,
    /// One row of it that is an object.
    Row,
    Elsewhere,
}

fn is_delimiter(byte: u8) -> bool {
    matches!(
        byte,
        b' ' | b'\n' | b'\r' | b'\t' | b',' | b':' | b'"' | b'{' | b'}' | b'[' | b']'
    )
}

/// What a value is, by its first byte.
fn name_of(byte: u8) -> &'static str {
    match byte {
        b'{' => "an object",
        b'[' => "an array",
        b'"' => "a string",
        b'n' => "null",
        b't' | b'f' => "a boolean",
        b'-' | b'0'..=b'9' => "a number",
        _ => "no JSON value",
    }
}

/// Whether the JSON string in `text`, with its quotes, is `member`.
fn is_string(text: &[u8], member: &str) -> bool {
    if text.contains(&b'\\') {
        serde_json::from_slice::<String>(text).is_ok_and(|name| name == member)
    } else {
        text.get(1..text.len().saturating_sub(1)) == Some(member.as_bytes())
    }
}
