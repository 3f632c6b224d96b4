//! What a builder may ask of us while it builds: the context, the secrets, the logins.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bollard_buildkit_proto::health::health_check_response::ServingStatus;
use bollard_buildkit_proto::health::health_server::{Health, HealthServer};
use bollard_buildkit_proto::health::{
    HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse,
};
use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::{Secrets, SecretsServer};
use bollard_buildkit_proto::moby::buildkit::secrets::v1::{GetSecretRequest, GetSecretResponse};
use bollard_buildkit_proto::moby::filesync::v1::auth_server::{Auth, AuthServer};
use bollard_buildkit_proto::moby::filesync::v1::{
    CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse, GetTokenAuthorityRequest,
    GetTokenAuthorityResponse, VerifyTokenAuthorityRequest, VerifyTokenAuthorityResponse,
};
use bollard_buildkit_proto::moby::upload::v1::BytesMessage;
use bollard_buildkit_proto::moby::upload::v1::upload_server::{Upload, UploadServer};
use futures_util::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;
use tonic::{Request, Response, Status, Streaming};

use super::super::surroundings::Surroundings;
use super::super::wire::Duplex;
use super::credentials;

/// What is offered in a session, as the headers of its request have to name it.
pub(super) const METHODS: [&str; 3] = [
    "/moby.filesync.v1.Auth/Credentials",
    "/moby.upload.v1.Upload/Pull",
    "/moby.buildkit.secrets.v1.Secrets/GetSecret",
];
/// Where the builder fetches the context from; the host name is BuildKit's word for a session. A name
/// of its own follows for every build: to BuildKit the same address is the same content (seen: two
/// builds at once then are one).
pub(super) const CONTEXT: &str = "http://buildkit-session/";
/// Far below the 4 MiB that a message may have.
const PIECE: usize = 256 * 1024;

pub(super) struct Session {
    pub(super) context: File,
    pub(super) secrets: HashMap<String, Vec<u8>>,
    pub(super) surroundings: Surroundings,
}

impl Session {
    /// Answers over this connection until it ends.
    pub(super) async fn serve(self, connection: Pipe) -> Result<(), tonic::transport::Error> {
        tonic::transport::Server::builder()
            .add_service(UploadServer::new(Archive(Arc::new(self.context))))
            .add_service(SecretsServer::new(Kept(self.secrets)))
            .add_service(AuthServer::new(Logins(self.surroundings)))
            .add_service(HealthServer::new(Well))
            .serve_with_incoming(futures_util::stream::iter([Ok::<_, io::Error>(connection)]))
            .await
    }
}

/// The builder asks every second, and gives a session up that does not answer.
struct Well;

#[tonic::async_trait]
impl Health for Well {
    type WatchStream = futures_util::stream::Empty<Result<HealthCheckResponse, Status>>;

    async fn check(
        &self,
        _request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        Ok(Response::new(HealthCheckResponse { status: ServingStatus::Serving.into() }))
    }

    async fn list(
        &self,
        _request: Request<HealthListRequest>,
    ) -> Result<Response<HealthListResponse>, Status> {
        Err(Status::unimplemented("there is one answer for all services"))
    }

    async fn watch(
        &self,
        _request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("ask again"))
    }
}

struct Archive(Arc<File>);

#[tonic::async_trait]
impl Upload for Archive {
    type PullStream = Pin<Box<dyn Stream<Item = Result<BytesMessage, Status>> + Send>>;

    async fn pull(
        &self,
        _request: Request<Streaming<BytesMessage>>,
    ) -> Result<Response<Self::PullStream>, Status> {
        let unreadable = |error: io::Error| Status::internal(format!("the context: {error}"));
        let mut file = self.0.try_clone().map_err(unreadable)?;
        file.rewind().map_err(unreadable)?;
        let pieces = futures_util::stream::iter(std::iter::from_fn(move || {
            let mut data = vec![0; PIECE];
            match file.read(&mut data) {
                Ok(0) => None,
                Ok(count) => {
                    data.truncate(count);
                    Some(Ok(BytesMessage { data }))
                }
                Err(error) => Some(Err(unreadable(error))),
            }
        }));
        Ok(Response::new(Box::pin(pieces)))
    }
}

struct Kept(HashMap<String, Vec<u8>>);

#[tonic::async_trait]
impl Secrets for Kept {
    async fn get_secret(
        &self,
        request: Request<GetSecretRequest>,
    ) -> Result<Response<GetSecretResponse>, Status> {
        let id = &request.get_ref().id;
        match self.0.get(id) {
            Some(data) => Ok(Response::new(GetSecretResponse { data: data.clone() })),
            None => Err(Status::not_found(format!("secret {id} not found"))),
        }
    }
}

struct Logins(Surroundings);

#[tonic::async_trait]
impl Auth for Logins {
    async fn credentials(
        &self,
        request: Request<CredentialsRequest>,
    ) -> Result<Response<CredentialsResponse>, Status> {
        // Without a login the builder goes on without.
        let login = credentials::login(&request.get_ref().host, &self.0);
        Ok(Response::new(match login {
            // An identity token has no user: the builder then takes the secret for one.
            Some(login) if login.user == "<token>" => {
                CredentialsResponse { username: String::new(), secret: login.secret.0 }
            }
            Some(login) => CredentialsResponse { username: login.user, secret: login.secret.0 },
            None => CredentialsResponse::default(),
        }))
    }

    // Not named in `METHODS`, so that no builder asks: it fetches tokens itself.
    async fn fetch_token(
        &self,
        _request: Request<FetchTokenRequest>,
    ) -> Result<Response<FetchTokenResponse>, Status> {
        Err(Status::unimplemented("tokens are fetched by the builder"))
    }

    async fn get_token_authority(
        &self,
        _request: Request<GetTokenAuthorityRequest>,
    ) -> Result<Response<GetTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("tokens are fetched by the builder"))
    }

    async fn verify_token_authority(
        &self,
        _request: Request<VerifyTokenAuthorityRequest>,
    ) -> Result<Response<VerifyTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("tokens are fetched by the builder"))
    }
}

/// A connection after its upgrade, for tonic's server and client.
pub(super) struct Pipe {
    pub(super) early: io::Cursor<Vec<u8>>,
    pub(super) stream: Box<dyn Duplex>,
}

impl Connected for Pipe {
    type ConnectInfo = ();

    fn connect_info(&self) -> Self::ConnectInfo {}
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let at = usize::try_from(self.early.position()).unwrap_or(usize::MAX);
        let left = self.early.get_ref().get(at..).unwrap_or_default();
        if left.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let count = left.len().min(buffer.remaining());
        buffer.put_slice(&left[..count]);
        self.early.set_position((at + count) as u64);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
