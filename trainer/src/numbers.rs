//! Numbers given on the command line as `key=value`, laid over usual ones.

use crate::error::Error;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A number, a fraction such as 8/255, `true`, `false`, or a word.
fn value(text: &str) -> Value {
    let number = |t: &str| t.parse::<f64>().ok().filter(|v| v.is_finite());
    if let Ok(whole) = text.parse::<u64>() {
        return whole.into();
    }
    if let Some(v) = number(text) {
        return v.into();
    }
    if let Some((a, b)) = text.split_once('/')
        && let (Some(a), Some(b)) = (number(a), number(b))
    {
        return (a / b).into();
    }
    text.parse::<bool>().map_or_else(|_| text.into(), Into::into)
}

/// `usual`, a struct that serialises to an object, with the fields that `changes` names replaced; `fixed` is a field that
/// cannot be. `option` and `owner` are for messages.
///
/// # Errors
/// Naming the option, the change, and the known fields or what was expected.
pub fn overlay<T: Serialize + DeserializeOwned>(
    usual: &T,
    changes: &[String],
    fixed: &str,
    (option, owner): (&str, &str),
) -> Result<T, Error> {
    let refuse = |change: &str, reason: String| Error::Settings(format!("{option} {change}: {reason}"));
    let Ok(Value::Object(mut fields)) = serde_json::to_value(usual) else {
        return Err(refuse(owner, "cannot be changed".into()));
    };
    for change in changes {
        let Some((key, text)) = change.split_once('=') else {
            return Err(refuse(change, "expected key=value".into()));
        };
        if key == fixed || !fields.contains_key(key) {
            let known: Vec<&str> = fields.keys().map(String::as_str).filter(|k| *k != fixed).collect();
            return Err(refuse(change, format!("{owner} has {}", known.join(", "))));
        }
        fields.insert(key.into(), value(text));
    }
    serde_json::from_value(fields.into()).map_err(|e| refuse(&changes.join(","), format!("{owner}: {e}")))
}
