//! gRPC by descriptor: calls any rpc of the contract without its generated type, so that a new one is covered unlisted.

use prost::Message;
use prost::bytes::{Buf, BufMut};
use prost_reflect::{DynamicMessage, MethodDescriptor};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

/// Calls a unary rpc.
///
/// # Errors
/// The status the service answered with.
pub async fn unary(
    channel: &Channel,
    method: &MethodDescriptor,
    token: Option<&str>,
    message: &DynamicMessage,
) -> Result<DynamicMessage, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client
        .ready()
        .await
        .map_err(|error| Status::unavailable(error.to_string()))?;
    let response: Response<Vec<u8>> = client
        .unary(request(token, message), path(method)?, Bytes)
        .await?;
    DynamicMessage::decode(method.output(), response.into_inner().as_slice())
        .map_err(|error| Status::internal(error.to_string()))
}

/// Calls an rpc that streams either way with one message; answers the status it ended with.
pub async fn streaming(
    channel: &Channel,
    method: &MethodDescriptor,
    token: Option<&str>,
    message: &DynamicMessage,
) -> Result<(), Status> {
    let mut answers = open(channel, method, token, message).await?;
    while answers.message().await?.is_some() {}
    Ok(())
}

/// The same up to its first answer: for a stream that has no end.
///
/// # Errors
/// The status it ended with before that.
pub async fn begin(
    channel: &Channel,
    method: &MethodDescriptor,
    token: Option<&str>,
    message: &DynamicMessage,
) -> Result<(), Status> {
    open(channel, method, token, message)
        .await?
        .message()
        .await
        .map(drop)
}

async fn open(
    channel: &Channel,
    method: &MethodDescriptor,
    token: Option<&str>,
    message: &DynamicMessage,
) -> Result<tonic::Streaming<Vec<u8>>, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client
        .ready()
        .await
        .map_err(|error| Status::unavailable(error.to_string()))?;
    let once = request(token, message).map(tokio_stream::once);
    Ok(client.streaming(once, path(method)?, Bytes).await?.into_inner())
}

fn request(token: Option<&str>, message: &DynamicMessage) -> Request<Vec<u8>> {
    let mut request = Request::new(message.encode_to_vec());
    if let Some(token) = token {
        let value = format!("Bearer {token}")
            .parse()
            .expect("a token is a legal header");
        request.metadata_mut().insert("authorization", value);
    }
    request
}

fn path(method: &MethodDescriptor) -> Result<http::uri::PathAndQuery, Status> {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
        .parse()
        .map_err(|_| Status::internal("a method's path"))
}

/// Messages as their bytes.
#[derive(Clone, Copy, Default)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut bytes = vec![0; from.remaining()];
        from.copy_to_slice(&mut bytes);
        Ok(Some(bytes))
    }
}
