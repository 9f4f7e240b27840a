//! HTTP and JSON in front of the services, derived from the protobuf descriptors
