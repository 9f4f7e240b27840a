//! A gateway over real HTTP, and a service of the test's own behind it over real gRPC.

use std::sync::{Arc, Mutex};

use futures_util::StreamExt as _;
use kontor_chassis::host::Process;
use kontor_chassis::peers::Peers;
use kontor_chassis::settings::Settings;
use kontor_chassis::token::ServiceKey;
use kontor_chassis::{Error, FieldErrors, Kind};
use kontor_proto::google::api::HttpBody;
use kontor_proto::leads::v1::lead_service_server::{LeadService, LeadServiceServer};
use kontor_proto::leads::v1::lead_transfer_service_server::{LeadTransferService, LeadTransferServiceServer};
use kontor_proto::leads::v1::*;
use kontor_proto::records::v1::{ImportJob, ImportOptions};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::codegen::BoxStream;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

/// What the service saw.
#[derive(Default)]
pub(crate) struct Seen {
    pub updates: Vec<UpdateLeadRequest>,
    pub lists: Vec<ListLeadsRequest>,
    pub metadata: Vec<tonic::metadata::MetadataMap>,
    pub uploads: Vec<Upload>,
}

/// An upload as it came.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub options: ImportOptions,
    pub bytes: usize,
    pub largest_piece: usize,
    pub whole: bool,
    pub ended: bool,
}

#[derive(Clone, Default)]
pub(crate) struct Leads(pub Arc<Mutex<Seen>>, pub watch::Sender<()>);

/// Writes down that a call has ended, also when it is dropped in the middle.
struct Ending<'a>(&'a Leads, usize);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().uploads[self.1].ended = true;
        self.0.1.send_replace(());
    }
}

fn lead(id: &str) -> Lead {
    Lead {
        id: id.to_owned(),
        last_name: "Ada".to_owned(),
        status: 1,
        etag: "7".to_owned(),
        ..Default::default()
    }
}

#[tonic::async_trait]
impl LeadService for Leads {
    async fn list_leads(
        &self,
        request: Request<ListLeadsRequest>,
    ) -> Result<Response<ListLeadsResponse>, Status> {
        self.0.lock().unwrap().lists.push(request.into_inner());
        Ok(Response::new(ListLeadsResponse {
            leads: vec![lead("1"), lead("2")],
            ..Default::default()
        }))
    }

    async fn create_lead(
        &self,
        request: Request<CreateLeadRequest>,
    ) -> Result<Response<CreateLeadResponse>, Status> {
        self.0.lock().unwrap().metadata.push(request.metadata().clone());
        let sent = request.into_inner().lead.unwrap_or_default();
        let mut errors = FieldErrors::new();
        if sent.last_name.is_empty() {
            errors.push("last_name", "required", "is required");
        }
        if sent.email.as_deref() == Some("nowhere") {
            errors.push("email", "invalid_email", "is no address");
        }
        errors.into_result()?;
        Ok(Response::new(CreateLeadResponse {
            lead: Some(Lead {
                id: "7".into(),
                etag: "1".into(),
                ..sent
            }),
        }))
    }

    async fn get_lead(&self, request: Request<GetLeadRequest>) -> Result<Response<GetLeadResponse>, Status> {
        match request.into_inner().id.as_str() {
            "merged" => Err(Error::not_found("lead").with_member("winner_id", "8").into()),
            "broken" => Err(Error::internal("select * from secrets").into()),
            id => Ok(Response::new(GetLeadResponse { lead: Some(lead(id)) })),
        }
    }

    async fn update_lead(
        &self,
        request: Request<UpdateLeadRequest>,
    ) -> Result<Response<UpdateLeadResponse>, Status> {
        let request = request.into_inner();
        let stale = !request.etag.is_empty() && request.etag != "7";
        let id = request.id.clone();
        self.0.lock().unwrap().updates.push(request);
        if stale {
            Err(Error::stale().into())
        } else {
            Ok(Response::new(UpdateLeadResponse {
                lead: Some(lead(&id)),
            }))
        }
    }

    async fn delete_lead(&self, _: Request<DeleteLeadRequest>) -> Result<Response<()>, Status> {
        Ok(Response::new(()))
    }

    async fn qualify_lead(
        &self,
        _: Request<QualifyLeadRequest>,
    ) -> Result<Response<QualifyLeadResponse>, Status> {
        let mut response = Response::new(QualifyLeadResponse {
            lead: Some(lead("1")),
        });
        response
            .metadata_mut()
            .insert("x-http-status", "202".parse().unwrap());
        Ok(response)
    }
}

#[tonic::async_trait]
impl LeadTransferService for Leads {
    async fn import_leads(
        &self,
        request: Request<Streaming<ImportLeadsRequest>>,
    ) -> Result<Response<ImportLeadsResponse>, Status> {
        let mut pieces = request.into_inner();
        let at = {
            let mut seen = self.0.lock().unwrap();
            let options = ImportOptions::default();
            seen.uploads.push(Upload {
                options,
                bytes: 0,
                largest_piece: 0,
                whole: false,
                ended: false,
            });
            seen.uploads.len() - 1
        };
        let _ending = Ending(self, at);
        while let Some(piece) = pieces.message().await? {
            let mut seen = self.0.lock().unwrap();
            let upload = &mut seen.uploads[at];
            match piece.part {
                Some(import_leads_request::Part::Options(options)) => {
                    assert_eq!(upload.bytes, 0, "the options come first");
                    if let Some((header, _)) = options.mapping.iter().find(|(_, field)| *field == "colour") {
                        let field = format!("mapping.{header}");
                        return Err(Error::invalid_field(field, "unknown_mapping", "is no field").into());
                    }
                    upload.options = options;
                }
                Some(import_leads_request::Part::Data(data)) => {
                    upload.bytes += data.len();
                    upload.largest_piece = upload.largest_piece.max(data.len());
                }
                None => return Err(Error::new(Kind::Invalid, "empty_piece", "A piece is empty.").into()),
            }
            self.1.send_replace(());
        }
        let mut seen = self.0.lock().unwrap();
        seen.uploads[at].whole = true;
        let total_rows = i64::try_from(seen.uploads[at].bytes).unwrap();
        Ok(Response::new(ImportLeadsResponse {
            job: Some(ImportJob {
                state: 2,
                total_rows,
                ..Default::default()
            }),
        }))
    }

    async fn export_leads(
        &self,
        request: Request<ExportLeadsRequest>,
    ) -> Result<Response<BoxStream<HttpBody>>, Status> {
        if request.into_inner().columns == "nope" {
            return Err(Error::invalid_field("columns", "unknown_field", "is no column").into());
        }
        let pieces = (0..1000).map(|row| {
            let media = if row == 0 { "text/csv; charset=utf-8" } else { "" };
            Ok(HttpBody {
                content_type: media.to_owned(),
                data: format!("{row}\r\n").into(),
                extensions: Vec::new(),
            })
        });
        Ok(Response::new(futures_util::stream::iter(pieces).boxed()))
    }
}

/// A gateway that runs until it is dropped.
pub(crate) struct World {
    pub base: String,
    pub leads: Leads,
    pub client: reqwest::Client,
    pub token: String,
    process: Process,
}

impl World {
    pub(crate) async fn begin() -> Self {
        Self::with(&[("rate_limits", "off")]).await
    }

    /// The leads service answers; identity is a port where nobody listens.
    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        let leads = Leads::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::builder()
            .add_service(LeadServiceServer::new(leads.clone()))
            .add_service(LeadTransferServiceServer::new(leads.clone()));
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));

        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let nowhere = format!("http://{}", nobody.local_addr().unwrap());
        drop(nobody);
        let key = ServiceKey::random();
        let token = key.authorization("tests", Some(Uuid::now_v7())).unwrap();
        let peers = Peers::builder(key)
            .remote("leads", &url)
            .unwrap()
            .remote("identity", &nowhere)
            .unwrap();
        let settings = Settings::from_pairs(settings.iter().copied()).unwrap();
        let process = Process::start(Arc::new(settings), peers.build("gateway"), "identity").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let served = process.clone();
        tokio::spawn(async move { kontor_gateway::serve_at(&served, listener).await.unwrap() });
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            base,
            leads,
            client,
            token: token.to_str().unwrap().to_owned(),
            process,
        }
    }

    /// A request that is signed in.
    pub(crate) fn ask(&self, verb: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.client
            .request(verb, format!("{}{path}", self.base))
            .header("authorization", &self.token)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.process.draining.cancel();
        self.process.shutdown.cancel();
    }
}

/// The status and the JSON of an answer.
pub(crate) async fn told(request: reqwest::RequestBuilder) -> (u16, serde_json::Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}
