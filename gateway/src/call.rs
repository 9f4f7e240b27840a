//! Calling an rpc with bytes, without its types.

use bytes::{Buf, BufMut, Bytes};
use futures_util::Stream;
use http::uri::PathAndQuery;
use kontor_chassis::peers::Peer;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::{Request, Status, Streaming};

/// A message as it goes out; an error breaks the call off, so that the service learns that the rest never comes.
pub type Outgoing = Result<Bytes, Status>;

/// Passes messages on as they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Raw;

impl Codec for Raw {
    type Encode = Outgoing;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Outgoing;
    type Error = Status;

    fn encode(&mut self, item: Outgoing, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item?);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// A message of at most 4 MiB is taken from a service, as services take them from us.
const LARGEST_ANSWER: usize = 4 << 20;

async fn client(peer: &Peer) -> Result<tonic::client::Grpc<Peer>, Status> {
    let mut client = tonic::client::Grpc::new(peer.clone()).max_decoding_message_size(LARGEST_ANSWER);
    client.ready().await?;
    Ok(client)
}

/// One message for one message.
pub async fn unary(
    peer: &Peer,
    rpc: PathAndQuery,
    metadata: MetadataMap,
    message: Bytes,
) -> Result<(MetadataMap, Bytes), Status> {
    let request = Request::from_parts(metadata, Default::default(), Ok(message));
    let (metadata, answer, _) = client(peer).await?.unary(request, rpc, Raw).await?.into_parts();
    Ok((metadata, answer))
}

/// One message for many.
pub async fn streamed_answer(
    peer: &Peer,
    rpc: PathAndQuery,
    metadata: MetadataMap,
    message: Bytes,
) -> Result<(MetadataMap, Streaming<Bytes>), Status> {
    let request = Request::from_parts(metadata, Default::default(), Ok(message));
    let (metadata, answer, _) = client(peer)
        .await?
        .server_streaming(request, rpc, Raw)
        .await?
        .into_parts();
    Ok((metadata, answer))
}

/// Many messages for one.
pub async fn streamed_request(
    peer: &Peer,
    rpc: PathAndQuery,
    metadata: MetadataMap,
    messages: impl Stream<Item = Outgoing> + Send + 'static,
) -> Result<(MetadataMap, Bytes), Status> {
    let request = Request::from_parts(metadata, Default::default(), messages);
    let (metadata, answer, _) = client(peer)
        .await?
        .client_streaming(request, rpc, Raw)
        .await?
        .into_parts();
    Ok((metadata, answer))
}
