//! A list of at most `N` small values that lives where it stands: many thousands of them are walked when the notebook's
//! page is written, and none of them may grow. Read back, it is cut off at its bound.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// At most `N` values, oldest first.
#[derive(Debug, Clone, Copy)]
pub struct Short<T, const N: usize> {
    items: [T; N],
    len: u8,
}

impl<T: Copy + Default, const N: usize> Default for Short<T, N> {
    fn default() -> Self {
        const { assert!(N <= u8::MAX as usize) };
        Self { items: [T::default(); N], len: 0 }
    }
}

impl<T: Copy, const N: usize> Short<T, N> {
    /// The values.
    pub fn as_slice(&self) -> &[T] {
        &self.items[..usize::from(self.len)]
    }

    /// Whether one more value would push the oldest out.
    pub fn is_full(&self) -> bool {
        usize::from(self.len) == N
    }

    /// Adds a value; the oldest goes if there is no room.
    pub fn push(&mut self, value: T) {
        if self.is_full() {
            self.take_first();
        }
        if let Some(place) = self.items.get_mut(usize::from(self.len)) {
            *place = value;
            self.len += 1;
        }
    }

    /// Takes the oldest value out.
    pub fn take_first(&mut self) -> Option<T> {
        let first = *self.as_slice().first()?;
        self.items.copy_within(1..usize::from(self.len), 0);
        self.len -= 1;
        Some(first)
    }

    /// Keeps the values that `keep` chooses.
    pub fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        let mut kept = 0;
        for at in 0..usize::from(self.len) {
            if keep(&self.items[at]) {
                self.items[kept] = self.items[at];
                kept += 1;
            }
        }
        self.len = kept as u8;
    }

    /// Forgets all values.
    pub fn clear(&mut self) {
        self.len = 0;
    }
}

impl<T: Copy + PartialEq, const N: usize> PartialEq for Short<T, N> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl<T: Copy + Eq, const N: usize> Eq for Short<T, N> {}

impl<T: Copy + Serialize, const N: usize> Serialize for Short<T, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_slice().serialize(serializer)
    }
}

impl<'de, T: Copy + Default + Deserialize<'de>, const N: usize> Deserialize<'de> for Short<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut list = Self::default();
        for value in Vec::<T>::deserialize(deserializer)?.into_iter().take(N) {
            list.push(value);
        }
        Ok(list)
    }
}
