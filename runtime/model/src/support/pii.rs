//! Personal data in memory: `Debug`, `Display` and `Serialize` show the class and nothing else.

use std::fmt;
use std::marker::PhantomData;

use serde::{Serialize, Serializer};

use crate::support::check::Check;
use crate::support::raw::Raw;
use crate::support::scalar::Scalar;
use crate::value::Value;

/// A class of personal data; one type per class of the project, so that classes cannot be mixed up.
pub trait PiiClass {
    /// Name of the class in the project's contract.
    const NAME: &'static str;
}

/// A value of a class.
pub struct Pii<C, T>(T, PhantomData<fn() -> C>);

impl<C: PiiClass, T> Pii<C, T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Self(value, PhantomData)
    }

    /// The value itself: for protection and for checks, never for output.
    pub fn plain(&self) -> &T {
        &self.0
    }

    /// Gives the value up.
    pub fn into_plain(self) -> T {
        self.0
    }
}

impl<C, T: Clone> Clone for Pii<C, T> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<C, T: PartialEq> PartialEq for Pii<C, T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<C, T: Eq> Eq for Pii<C, T> {}

impl<C: PiiClass, T> fmt::Debug for Pii<C, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", C::NAME)
    }
}

impl<C: PiiClass, T> fmt::Display for Pii<C, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", C::NAME)
    }
}

impl<C: PiiClass, T> Serialize for Pii<C, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'a, C: PiiClass, T: Scalar<'a>> Scalar<'a> for Pii<C, T> {
    fn read(raw: Raw<'a>, check: &mut Check<'_>) -> Option<Self> {
        T::read(raw, check).map(Self::new)
    }

    fn into_value(self) -> Value {
        self.0.into_value()
    }
}
