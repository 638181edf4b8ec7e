//! Enums as services send them: open, so that a value nobody knew yet is kept instead of failing the whole answer.

/// Declares an enum of texts with an `Other(String)` variant that keeps what is not known and sends it back unchanged.
macro_rules! open_enum {
    (
        $(#[$doc:meta])*
        $vis:vis enum $name:ident {
            $( $(#[$variant_doc:meta])* $variant:ident = $text:literal, )+
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        $vis enum $name {
            $( $(#[$variant_doc])* $variant, )+
            /// A value this version does not know.
            Other(String),
        }

        impl $name {
            /// Returns the text that is sent and received.
            $vis fn as_str(&self) -> &str {
                match self {
                    $( Self::$variant => $text, )+
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $( $text => Self::$variant, )+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                Ok(Self::from(text.as_ref()))
            }
        }
    };
}

pub(crate) use open_enum;

#[cfg(test)]
mod tests {
    open_enum! {
        /// A light.
        enum Light {
            /// On.
            On = "ON",
            /// Off.
            Off = "OFF",
        }
    }

    #[test]
    fn an_unknown_value_is_kept_and_sent_back_unchanged() {
        let lights: Vec<Light> = serde_json::from_str(r#"["ON","OFF","DIM\u004dED"]"#).unwrap();
        assert_eq!(lights, [Light::On, Light::Off, Light::Other("DIMMED".into())]);
        assert_eq!(serde_json::to_string(&lights).unwrap(), r#"["ON","OFF","DIMMED"]"#);
    }

    #[test]
    fn what_is_not_a_text_is_refused() {
        assert!(serde_json::from_str::<Light>("7").is_err());
    }
}
