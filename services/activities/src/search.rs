//! One search over all kinds of record: the services of the four kinds are asked at once, with the caller's own token, for
//! what they find, and the answers are merged by how well each matches.
//!
//! A kind whose service can't be reached is left out and named in the answer, so that a search serves as long as one of
//! them does.

mod kinds;
mod rank;

use std::time::Duration;

use futures_util::future::join_all;
use kontor_chassis::{Caller, Error, FieldErrors, Kind, peers::Peers};
use kontor_proto::activities::v1::{
    RelatedKind, SearchRequest, SearchResponse, SearchResult, search_service_server::SearchService,
};
use kontor_records::fold;
use tonic::{Request, Response, Status};

use kinds::Found;
use rank::{Rank, rank};

/// Without `page_size`.
const USUAL: usize = 20;
/// At most.
const MOST: usize = 100;
/// The most characters of a search.
const LONGEST: usize = 500;
/// A service that takes longer counts as away.
const PATIENCE: Duration = Duration::from_secs(5);

/// Every kind, in the order of results that match alike.
const KINDS: [RelatedKind; 4] = [
    RelatedKind::Account,
    RelatedKind::Contact,
    RelatedKind::Lead,
    RelatedKind::Deal,
];

/// Searches the records of the other services.
#[derive(Clone)]
pub struct Search {
    peers: Peers,
}

impl Search {
    /// In these services.
    #[must_use]
    pub fn new(peers: Peers) -> Self {
        Self { peers }
    }

    /// The records that match, best first; of kinds that the caller may not read there are none.
    ///
    /// # Errors
    /// Invalid names every bad parameter; Unavailable when no service can be reached.
    pub async fn run(&self, caller: &Caller, request: &SearchRequest) -> Result<SearchResponse, Error> {
        let Asked { words, size, kinds } = Asked::read(request)?;
        let asked = kinds.iter().map(|kind| self.find(caller, *kind, &request.q));
        let answers = join_all(asked).await;
        let mut found = Vec::new();
        let mut away = Vec::new();
        for (kind, answer) in kinds.iter().zip(answers) {
            match answer {
                Ok(records) => found.extend(records),
                Err(error) => match error.kind() {
                    Kind::Forbidden => {}
                    Kind::Unavailable => away.push((*kind, error)),
                    _ => return Err(error),
                },
            }
        }
        if away.len() == kinds.len()
            && let Some((_, error)) = away.pop()
        {
            return Err(error);
        }
        let unavailable = away.iter().map(|(kind, _)| i32::from(*kind)).collect();
        for (kind, error) in away {
            tracing::warn!(kind = kind.as_str_name(), %error, "a search left a kind out");
        }
        Ok(SearchResponse {
            results: best(&words, found, size),
            unavailable,
        })
    }

    async fn find(&self, caller: &Caller, kind: RelatedKind, words: &str) -> Result<Vec<Found>, Error> {
        let found = kinds::find(&self.peers, caller, kind, words);
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(found) => found,
            Err(_) => Err(Error::unavailable("a service")),
        }
    }
}

#[tonic::async_trait]
impl SearchService for Search {
    async fn search(&self, request: Request<SearchRequest>) -> Result<Response<SearchResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(self.run(&caller, request.get_ref()).await?))
    }
}

/// A request that was judged.
struct Asked {
    words: Vec<String>,
    size: usize,
    kinds: Vec<RelatedKind>,
}

impl Asked {
    fn read(request: &SearchRequest) -> Result<Self, Error> {
        let mut errors = FieldErrors::new();
        let words = fold::words(&request.q);
        if request.q.trim().is_empty() {
            errors.push("q", "required", "Say what to search for.");
        } else if request.q.chars().count() > LONGEST {
            errors.push("q", "too_long", format!("At most {LONGEST} characters."));
        }
        let size = match usize::try_from(request.page_size) {
            Ok(0) => USUAL,
            Ok(size) => size.min(MOST),
            Err(_) => {
                errors.push("page_size", "out_of_range", "Allowed is 0 and above.");
                USUAL
            }
        };
        errors.into_result()?;
        let wanted: Vec<RelatedKind> = request.kinds().collect();
        let kinds = KINDS
            .into_iter()
            .filter(|kind| wanted.is_empty() || wanted.contains(kind))
            .collect();
        Ok(Self { words, size, kinds })
    }
}

/// The best of what was found.
fn best(words: &[String], found: Vec<Found>, size: usize) -> Vec<SearchResult> {
    let mut ranked: Vec<(Rank, Found)> = found
        .into_iter()
        .map(|found| (rank(words, &found.name, &found.texts), found))
        .collect();
    // Stable: what matches alike keeps the order of kinds, and within one the newest first.
    ranked.sort_by(|(a, _), (b, _)| b.score.total_cmp(&a.score));
    ranked
        .into_iter()
        .take(size)
        .map(|(rank, found)| SearchResult {
            kind: found.kind.into(),
            id: found.id,
            name: found.name,
            matches: rank.matches,
            score: rank.score,
        })
        .collect()
}
