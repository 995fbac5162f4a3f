//! Spans for those who watch (feature `tracing`): `request` around a call, `attempt` around each exchange on a connection,
//! `connect` around the making of one. Without the feature, nothing at all.
//!
//! URLs are shown without credentials, query and fragment, since tokens travel there; fields and bodies are never shown.

#[cfg(feature = "tracing")]
pub(crate) use spans::{Call, attempt, connect};

#[cfg(not(feature = "tracing"))]
pub(crate) use nothing::{Call, attempt, connect};

#[cfg(feature = "tracing")]
mod spans {
    use crate::engine::Outgoing;
    use crate::net::Net;
    use crate::request::Request;
    use crate::response::Response;
    use entreat_core::{Result, Url};
    use std::future::Future;
    use tracing::field::{Empty, display};
    use tracing::{Instrument, Span, debug_span, info_span};

    /// A call, redirects and retries included, up to the head of its answer.
    pub(crate) struct Call(Span);

    impl Call {
        pub(crate) fn of(request: &Request) -> Call {
            let url = request.url().map(shown);
            let method = request.method();
            Call(info_span!(
                target: "entreat", "request", method, url, status = Empty, attempts = Empty, error = Empty
            ))
        }

        pub(crate) async fn over<N: Net>(
            self,
            call: impl Future<Output = Result<Response<N>>>,
        ) -> Result<Response<N>> {
            let Call(span) = self;
            let outcome = call.instrument(span.clone()).await;
            match &outcome {
                Ok(response) => {
                    span.record("status", response.status());
                    span.record("attempts", response.attempts());
                }
                Err(error) => note(&span, error),
            }
            outcome
        }
    }

    /// One request out and one head in, on one connection.
    pub(crate) async fn attempt<T, E>(
        outgoing: &Outgoing<'_>,
        reused: bool,
        attempt: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let (method, url) = (outgoing.method, shown(outgoing.url));
        attempt.instrument(debug_span!(target: "entreat", "attempt", method, url, reused)).await
    }

    /// The making of a connection: addresses, a socket, a proxy, TLS.
    pub(crate) async fn connect<T>(
        outgoing: &Outgoing<'_>,
        connecting: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let proxy = outgoing.proxy.map(|proxy| proxy.name());
        let origin = outgoing.url.origin();
        let span = debug_span!(target: "entreat", "connect", origin = &*origin, proxy, error = Empty);
        let outcome = connecting.instrument(span.clone()).await;
        if let Err(error) = &outcome {
            note(&span, error);
        }
        outcome
    }

    fn note(span: &Span, error: &entreat_core::Error) {
        span.record("error", display(format_args!("{:?}", error.kind())));
    }

    fn shown(url: &Url) -> String {
        format!("{}{}", url.origin(), url.path())
    }
}

#[cfg(not(feature = "tracing"))]
mod nothing {
    use crate::engine::Outgoing;
    use crate::request::Request;

    pub(crate) struct Call;

    impl Call {
        pub(crate) fn of(_: &Request) -> Call {
            Call
        }

        pub(crate) fn over<F>(self, call: F) -> F {
            call
        }
    }

    pub(crate) fn attempt<F>(_: &Outgoing<'_>, _: bool, attempt: F) -> F {
        attempt
    }

    pub(crate) fn connect<F>(_: &Outgoing<'_>, connecting: F) -> F {
        connecting
    }
}

#[cfg(all(test, feature = "tracing"))]
mod tests {
    use crate::mock::{Mock, Reply};
    use crate::{Client, Config, Request};
    use std::fmt::{Debug, Write};
    use std::sync::{Arc, Mutex};
    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    /// Writes down what spans are told.
    #[derive(Clone, Default)]
    struct Notes(Arc<Mutex<String>>);

    impl Visit for Notes {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            write!(self.0.lock().unwrap(), " {}={value:?}", field.name()).unwrap();
        }
    }

    impl Subscriber for Notes {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, span: &Attributes<'_>) -> Id {
            self.0.lock().unwrap().push_str(span.metadata().name());
            span.record(&mut self.clone());
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, values: &Record<'_>) {
            values.record(&mut self.clone());
        }

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, _: &Event<'_>) {}

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    #[test]
    fn spans_tell_what_happened_and_no_secret() {
        let (notes, mock) = (Notes::default(), Mock::new());
        mock.on("GET", "/path").reply(Reply::status(503));
        let client = Client::with_transport(mock, Config::new()).unwrap();
        tracing::subscriber::with_default(notes.clone(), || {
            let url = "http://user:secret@a.test/path?token=secret#secret";
            client.send(Request::get(url).header("X-Key", "secret")).unwrap();
            client.send(Request::get("http://b.test/")).unwrap_err();
        });
        let notes = notes.0.lock().unwrap();
        let first = "request method=\"GET\" url=\"http://a.test/path\" status=503 attempts=1";
        assert!(notes.starts_with(first), "{notes}");
        assert!(notes.ends_with("url=\"http://b.test/\" error=InvalidConfig"), "{notes}");
        assert!(!notes.contains("secret"), "{notes}");
    }
}
