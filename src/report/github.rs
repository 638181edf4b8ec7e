//! A run's failures as GitHub workflow commands, which annotate the files of a pull request.

use crate::event::Failure;
use crate::ids::StepId;

/// Writes one `::error` command for each failure.
pub fn annotations<'a>(failures: impl Iterator<Item = (&'a StepId, &'a Failure)>) -> String {
    failures.map(|(step, failure)| annotation(step, failure)).collect()
}

fn annotation(step: &StepId, failure: &Failure) -> String {
    let place = failure.place.as_ref().map_or_else(String::new, |place| {
        format!("file={},line={},col={},", property(&place.path), place.line, place.column)
    });
    let message = match &failure.help {
        Some(help) => format!("{}\n{help}", failure.message),
        None => failure.message.clone(),
    };
    format!("::error {place}title={}::{}\n", property(step.as_str()), data(&message))
}

/// Writes a message as a workflow command takes it.
pub(super) fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Writes the value of a property as a workflow command takes it.
pub(super) fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Place;

    #[test]
    fn a_failure_becomes_one_line_with_its_place() {
        let failure = Failure {
            message: "model `a`: 100% wrong".to_owned(),
            help: Some("Correct it.".to_owned()),
            place: Some(Place { path: "sql/a.sql".to_owned(), line: 3, column: 7 }),
            ..Failure::default()
        };
        let step = StepId::from("build a");
        assert_eq!(
            annotations([(&step, &failure)].into_iter()),
            "::error file=sql/a.sql,line=3,col=7,title=build a::model `a`: 100%25 wrong%0ACorrect it.\n"
        );
    }
}
