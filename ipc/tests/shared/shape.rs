//! The shape of what is kept or said in the encoding of [`ipc::message::codec`]: names and types of all fields and variants, in
//! their order, as the type itself asks for them when it is read. So a test can tell that a number for the shape was not
//! raised: bytes of before would be taken for something else.
//!
//! A type is read again and again from a source that notes what it is asked for, until every variant of every enum that is
//! met has been taken. Each enum takes its variants in turn, so that what is inside one is met as often as it takes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::U32Deserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};

/// What was found of the types that have names.
#[derive(Default)]
struct Found {
    structs: BTreeMap<&'static str, String>,
    enums: BTreeMap<&'static str, Variants>,
}

/// An enum.
struct Variants {
    names: &'static [&'static str],
    /// What each carries, once it was taken.
    taken: Vec<Option<String>>,
    /// How often the enum was met.
    met: usize,
}

/// The shape of a type: a line for itself, and one for each type with a name in it.
pub fn of<T: DeserializeOwned>() -> String {
    let found = RefCell::new(Found::default());
    for _ in 0..100_000 {
        let own = RefCell::new(String::new());
        T::deserialize(Source { found: &found, shape: &own, byte: 1 }).expect("a value");
        let found = found.borrow();
        if found.enums.values().all(|it| it.taken.iter().all(Option::is_some)) {
            let mut lines = vec![own.into_inner()];
            lines.extend(found.structs.iter().map(|(name, fields)| format!("struct {name} {{ {fields} }}")));
            lines.extend(found.enums.iter().map(|(name, variants)| {
                let parts = variants.names.iter().zip(&variants.taken);
                let parts = parts.map(|(name, part)| format!("{name}{}", part.as_deref().unwrap_or("?")));
                format!("enum {name} {{ {} }}", parts.collect::<Vec<_>>().join(", "))
            }));
            return lines.join("\n");
        }
    }
    panic!("some variant is never met");
}

/// A number for a shape (FNV-1a): another one for another shape.
pub fn number(shape: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    shape.bytes().fold(0xCBF2_9CE4_8422_2325, step)
}

/// Fails if the shape is not the one that `known` has for the number of now, which is its last.
pub fn check(what: &str, now: u64, known: &[(u64, u64)], shape: &str) {
    let (last, expected) = *known.last().expect("a number");
    assert!(known.is_sorted_by(|a, b| a.0 < b.0), "{what}: a number for each shape, and none twice");
    assert_eq!(last, now, "{what}: the number of now is not the last of the list");
    let found = number(shape);
    assert_eq!(
        expected, found,
        "{what}: the shape has changed; raise the number from {now} and add it to the list with {found:#018x}:\n{shape}"
    );
}

/// Why a type could not be read.
#[derive(Debug)]
struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl de::Error for Refused {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self(text.to_string())
    }
}

/// Gives the least that there is, and notes what it was asked for.
#[derive(Clone, Copy)]
struct Source<'a> {
    found: &'a RefCell<Found>,
    shape: &'a RefCell<String>,
    /// What a byte is: in a list 0, of which there is a TransportID; elsewhere 1, as codes do not begin at 0.
    byte: u8,
}

impl Source<'_> {
    fn note(&self, text: &str) {
        self.shape.borrow_mut().push_str(text);
    }

    /// Reads something, and says which shape it has.
    fn apart<T>(self, read: impl FnOnce(Source<'_>) -> Result<T, Refused>) -> Result<(T, String), Refused> {
        let shape = RefCell::new(String::new());
        let value = read(Source { shape: &shape, ..self })?;
        Ok((value, shape.into_inner()))
    }
}

/// A row of values: of as many as there are names, or as are left.
struct Row<'a> {
    source: Source<'a>,
    names: &'static [&'static str],
    left: usize,
}

impl<'de> de::SeqAccess<'de> for Row<'_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Refused> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        if let Some(name) = self.names.get(self.names.len().wrapping_sub(self.left)) {
            self.source.note(&format!("{name}: "));
        }
        self.left = left;
        let value = seed.deserialize(self.source)?;
        self.source.note(if left > 0 { ", " } else { "" });
        Ok(Some(value))
    }
}

/// A list of one element, or of so many bytes that they can be a TransportID.
struct List<'a> {
    source: Source<'a>,
    given: usize,
}

impl<'de> de::SeqAccess<'de> for List<'_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Refused> {
        let bytes = *self.source.shape.borrow() == "u8";
        if self.given >= if bytes { 24 } else { 1 } {
            return Ok(None);
        }
        let (value, shape) = self.source.apart(|source| seed.deserialize(Source { byte: 0, ..source }))?;
        if self.given == 0 {
            self.source.note(&shape);
        }
        self.given += 1;
        Ok(Some(value))
    }
}

impl<'de> de::MapAccess<'de> for Row<'_> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refused> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(self.source).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refused> {
        self.source.note(" => ");
        seed.deserialize(self.source)
    }
}

/// One variant of an enum.
struct Choice<'a> {
    source: Source<'a>,
    index: u32,
}

impl<'de, 'a> de::EnumAccess<'de> for Choice<'a> {
    type Error = Refused;
    type Variant = Source<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Source<'a>), Refused> {
        let index: U32Deserializer<Refused> = self.index.into_deserializer();
        Ok((seed.deserialize(index)?, self.source))
    }
}

impl<'de> de::VariantAccess<'de> for Source<'_> {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Refused> {
        self.note("(");
        let value = seed.deserialize(self)?;
        self.note(")");
        Ok(value)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.note(" { ");
        let value = visitor.visit_seq(Row { source: self, names: fields, left: fields.len() })?;
        self.note(" }");
        Ok(value)
    }
}

/// Methods for what has a value of its own.
macro_rules! plain {
    ($($method:ident $visit:ident $name:literal $($value:expr)?;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
            self.note($name);
            visitor.$visit($($value)?)
        })*
    };
}

impl<'de> Deserializer<'de> for Source<'_> {
    type Error = Refused;

    plain! {
        deserialize_bool visit_bool "bool" false;
        deserialize_i8 visit_i8 "i8" 0;
        deserialize_i16 visit_i16 "i16" 0;
        deserialize_i32 visit_i32 "i32" 0;
        deserialize_i64 visit_i64 "i64" 0;
        deserialize_u16 visit_u16 "u16" 0;
        deserialize_u32 visit_u32 "u32" 0;
        deserialize_u64 visit_u64 "u64" 0;
        deserialize_u128 visit_u128 "u128" 0;
        deserialize_f32 visit_f32 "f32" 0.0;
        deserialize_f64 visit_f64 "f64" 0.0;
        deserialize_char visit_char "char" '0';
        deserialize_str visit_str "str" "";
        deserialize_string visit_str "str" "";
        deserialize_bytes visit_bytes "bytes" &[];
        deserialize_byte_buf visit_bytes "bytes" &[];
        deserialize_unit visit_unit "()" ;
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.note("u8");
        visitor.visit_u8(self.byte)
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refused> {
        Err(de::Error::custom("the encoding does not say what comes"))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_any(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.note("maybe ");
        visitor.visit_some(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.note(name);
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.note(&format!("{name} = "));
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let (value, shape) = self.apart(|source| visitor.visit_seq(List { source, given: 0 }))?;
        self.note(&format!("[{shape}]"));
        Ok(value)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refused> {
        self.note("(");
        let value = visitor.visit_seq(Row { source: self, names: &[], left: len })?;
        self.note(")");
        Ok(value)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.note(name);
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.note("{");
        let value = visitor.visit_map(Row { source: self, names: &[], left: 1 })?;
        self.note("}");
        Ok(value)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.note(name);
        let (value, shape) =
            self.apart(|source| visitor.visit_seq(Row { source, names: fields, left: fields.len() }))?;
        self.found.borrow_mut().structs.insert(name, shape);
        Ok(value)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.note(name);
        let index = {
            let mut found = self.found.borrow_mut();
            let fresh = || Variants { names: variants, taken: vec![None; variants.len()], met: 0 };
            let known = found.enums.entry(name).or_insert_with(fresh);
            known.met += 1;
            (known.met - 1) % known.taken.len()
        };
        let (value, shape) =
            self.apart(|source| visitor.visit_enum(Choice { source, index: index as u32 }))?;
        if let Some(known) = self.found.borrow_mut().enums.get_mut(name) {
            known.taken[index] = Some(shape);
        }
        Ok(value)
    }
}
