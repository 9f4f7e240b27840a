//! What a failure of the database means to a caller. Its own text is logged and never sent.

use super::{Error, Kind};

impl From<sqlx::Error> for Error {
    /// Connection, pool, shutdown, disk full and the like are [`Kind::Unavailable`]; a text that PostgreSQL can't hold
    /// is [`Kind::Invalid`]; all else is a fault of ours.
    fn from(error: sqlx::Error) -> Self {
        match kind_of(&error) {
            Kind::Unavailable => Self::unavailable("the database").with_source(error),
            Kind::Invalid => {
                Self::invalid("unstorable_value", "A value can't be stored as it is.").with_source(error)
            }
            _ => Self::internal(error),
        }
    }
}

fn kind_of(error: &sqlx::Error) -> Kind {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => Kind::Unavailable,
        sqlx::Error::Database(database) => database
            .code()
            .map_or(Kind::Internal, |state| kind_of_state(&state)),
        _ => Kind::Internal,
    }
}

/// By SQLSTATE, `errcodes` appendix of PostgreSQL's manual.
fn kind_of_state(state: &str) -> Kind {
    match state {
        // Invalid byte sequences (a NUL in a text), numbers and times out of range.
        "22021" | "22003" | "22008" | "22P05" => Kind::Invalid,
        // Deadlock, serialization, lock and statement timeouts, i/o error, read-only standby: another try may succeed.
        "40001" | "40P01" | "55P03" | "57014" | "58030" | "25006" => Kind::Unavailable,
        // Connection, resources (disk full, too many connections), shutdown, login, no such database.
        _ if ["08", "53", "57P0", "28", "3D"]
            .iter()
            .any(|class| state.starts_with(class)) =>
        {
            Kind::Unavailable
        }
        _ => Kind::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_unavailable_and_our_own_mistakes_are_internal() {
        for state in ["08006", "53100", "53300", "57P01", "57P03", "40P01", "28P01"] {
            assert_eq!(kind_of_state(state), Kind::Unavailable, "{state}");
        }
        for state in ["42P01", "42501", "23505", "XX000", "22P02"] {
            assert_eq!(kind_of_state(state), Kind::Internal, "{state}");
        }
        assert_eq!(kind_of_state("22021"), Kind::Invalid);
    }

    #[test]
    fn the_text_of_the_database_is_not_sent() {
        let error = Error::from(sqlx::Error::Protocol("relation \"secret\" is broken".into()));
        let status = tonic::Status::from(error);
        assert!(!status.message().contains("secret"));
        assert!(!String::from_utf8_lossy(status.details()).contains("secret"));
    }
}
