//! Who the client is, over the requests of one journey: adds what proves it, and answers challenges.
//!
//! The schemes are core's `policy::auth`; here they are carried out: sessions of Digest are kept, so that the next
//! request to a server need not be refused first, netrc is read, and a round is made where a challenge can be answered.
//! Called by `session`, before each request and after each answer.

use crate::consent;
use crate::environment;
use crate::net::Net;
use crate::random;
use crate::request::Request;
use entreat_core::policy::auth::netrc::Netrc;
use entreat_core::policy::auth::{
    self, Asked, Auth, Credentials, Reply, Role, Rounds, basic, bearer, challenges, digest, sigv4,
};
use entreat_core::route::Proxy;
use entreat_core::{Deadline, Deadlines, Error, Headers, ResponseHead, Result, Scheme, Settings, Url};
use proxy::ProxyLogin;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

mod proxy;

/// The most answers to challenges before one request is given up: more than any known scheme takes.
const ROUNDS: u32 = 10;

/// The most servers and users whose challenges are remembered. A forgotten one costs a round.
const SPACES: usize = 1000;

/// What a client has learnt.
#[derive(Default)]
pub(crate) struct Known {
    /// By role, origin and user: RFC 7616's protection space, without the parameter `domain`.
    digests: Mutex<HashMap<String, digest::Session>>,
    /// By path; read once for each client.
    netrcs: Mutex<HashMap<Option<PathBuf>, Arc<Netrc>>>,
}

/// All credentials of one journey. Most have none, and cost a look at that.
pub(crate) struct Logins<'a> {
    known: &'a Known,
    origin: Option<Box<Login<'a>>>,
    proxy: Option<Box<ProxyLogin<'a>>>,
}

/// Those for the origin.
struct Login<'a> {
    auth: Arc<Auth>,
    known: &'a Known,
    rounds: u32,
    /// Behind a redirect to another origin.
    abroad: bool,
    /// The session that answered a challenge of this request.
    answered: Option<digest::Session>,
    flow: Option<Flowing>,
}

/// A scheme of the program's own, under way.
struct Flowing {
    rounds: Box<dyn Rounds>,
    /// What it has said to send, if it was asked.
    fields: Option<Headers>,
    /// It has said to send the request once more.
    goes_on: bool,
}

impl Flowing {
    async fn ask<N: Net>(
        &mut self,
        net: &N,
        deadline: Deadline,
        asked: &Asked<'_>,
        question: Option<&ResponseHead>,
    ) -> Result<Reply> {
        let rounds = &mut self.rounds;
        match N::SUSPENDS {
            true => {
                consent::wait(net, |context| rounds.poll_answer(context, asked, question), deadline).await
            }
            false => rounds.answer(asked, question),
        }
    }
}

impl<'a> Logins<'a> {
    /// The credentials of a request that goes through `proxy`.
    pub(crate) fn begin(
        settings: &Settings,
        request: &Request,
        proxy: Option<&Proxy>,
        known: &'a Known,
    ) -> Logins<'a> {
        let origin = Login::begin(settings, request, known);
        Logins { known, origin, proxy: ProxyLogin::begin(proxy, request, settings, known) }
    }

    /// Adds to `headers`, all that are sent otherwise, what proves who the request is from; and to what the proxy is
    /// told.
    ///
    /// # Errors
    /// A netrc that cannot be read; a body that cannot be hashed before it is sent.
    pub(crate) fn sign(
        &mut self,
        headers: &mut Headers,
        url: &Url,
        request: &Request,
        proxy: Option<&mut Proxy>,
    ) -> Result<()> {
        let mut signed = Ok(());
        if let Some(login) = &mut self.origin {
            signed = login.sign(headers, url, request);
        }
        if let (Some(login), Some(proxy), Ok(())) = (&self.proxy, proxy, &signed) {
            signed = login.sign(proxy, headers, url, request);
        }
        signed.map_err(|error| error.with_url(url.as_str()))
    }

    /// True where a scheme of the program's own is to be asked, by [`Logins::consult`] and [`Logins::hear`].
    pub(crate) fn has_flow(&self) -> bool {
        self.origin.as_ref().is_some_and(|login| login.flow.is_some())
    }

    /// Asks the program's own scheme what to send, before [`Logins::sign`], where it has not said so yet.
    ///
    /// # Errors
    /// The scheme's own.
    pub(crate) async fn consult<N: Net>(
        &mut self,
        net: &N,
        deadlines: &Deadlines,
        headers: &Headers,
        url: &Url,
        request: &Request,
    ) -> Result<()> {
        let flow = self.origin.as_mut().and_then(|login| login.flow.as_mut());
        let Some(flow) = flow.filter(|flow| flow.fields.is_none()) else { return Ok(()) };
        let reply = flow.ask(net, deadlines.total(), &asked(headers, url, request), None).await;
        flow.fields = Some(match reply.map_err(|error| error.with_url(url.as_str()))? {
            Reply::Send(fields) => fields,
            Reply::Pass => Headers::new(),
        });
        Ok(())
    }

    /// Asks it what to do about the answer `head` to a request with the fields `sent`, before [`Logins::judge`]. What a proxy
    /// asks is none of its affair.
    ///
    /// # Errors
    /// The scheme's own.
    pub(crate) async fn hear<N: Net>(
        &mut self,
        net: &N,
        deadlines: &Deadlines,
        head: &ResponseHead,
        sent: &Headers,
        url: &Url,
        request: &Request,
    ) -> Result<()> {
        let flow = self.origin.as_mut().and_then(|login| login.flow.as_mut());
        let Some(flow) = flow else { return Ok(()) };
        flow.goes_on = false;
        if head.status == Role::Proxy.status() {
            return Ok(());
        }
        let reply = flow.ask(net, deadlines.total(), &asked(sent, url, request), Some(head)).await?;
        if let Reply::Send(fields) = reply {
            (flow.fields, flow.goes_on) = (Some(fields), true);
        }
        Ok(())
    }

    /// True where the answer `head` asks for a round that can be made.
    ///
    /// # Errors
    /// A body that cannot be sent again.
    pub(crate) fn judge(
        &mut self,
        head: &ResponseHead,
        url: &Url,
        request: &Request,
        proxy: Option<&Proxy>,
    ) -> Result<bool> {
        if let (Some(login), Some(proxy)) = (&mut self.proxy, proxy)
            && login.judge(proxy, head, url)
        {
            return again_with(request, url).map(|()| true);
        }
        if let Some(login) = &mut self.origin
            && login.judge(head, url)
        {
            return again_with(request, url).map(|()| true);
        }
        Ok(false)
    }

    /// True where the proxy refused a tunnel for want of an answer that it can have.
    pub(crate) fn judge_refusal(&mut self, error: &Error) -> bool {
        self.proxy.as_mut().is_some_and(|login| login.judge_refusal(error))
    }

    /// Goes on behind a redirect, through `proxy`.
    pub(crate) fn follow(
        &mut self,
        to_another_origin: bool,
        settings: &Settings,
        request: &Request,
        proxy: Option<&Proxy>,
    ) {
        let origin = self.origin.take();
        self.origin = origin.and_then(|mut login| login.follow(to_another_origin).then_some(login));
        self.proxy = ProxyLogin::begin(proxy, request, settings, self.known);
    }
}

impl<'a> Login<'a> {
    /// The credentials of a request, where there are any.
    fn begin(settings: &Settings, request: &Request, known: &'a Known) -> Option<Box<Login<'a>>> {
        let auth = settings.auth.as_ref()?;
        // What was said for this very request goes before what its client says.
        let is_own = request.config.as_ref().is_some_and(|config| config.has_auth());
        if !is_own && request.headers.contains(AUTHORIZATION) {
            return None;
        }
        let auth = Arc::clone(auth);
        let mut login = Login { auth, known, rounds: 0, abroad: false, answered: None, flow: None };
        login.begin_flow();
        Some(Box::new(login))
    }

    fn sign(&mut self, headers: &mut Headers, url: &Url, request: &Request) -> Result<()> {
        match &*self.auth {
            Auth::Nothing => Ok(()),
            Auth::Basic(credentials, rules) => {
                headers.set(AUTHORIZATION, basic::authorization(rules, credentials)?)
            }
            Auth::Bearer(token) => headers.set(AUTHORIZATION, bearer::authorization(token)?),
            Auth::Digest(credentials, _) => {
                let target = url.target();
                let body = request.body.in_memory();
                let facts = digest::Facts { method: &request.method, target: &target, body };
                let space = space(Role::Origin, &url.origin(), credentials);
                match self.known.answer(&space, credentials, &facts)? {
                    Some(value) => headers.set(AUTHORIZATION, value),
                    None => Ok(()),
                }
            }
            Auth::Netrc(path) => self.sign_by_netrc(path, headers, url, request),
            Auth::SigV4(signer) => {
                let facts = sigv4::Facts {
                    method: &request.method,
                    path: url.path(),
                    query: url.query().unwrap_or_default(),
                    headers,
                    body: request.body.in_memory(),
                    secure: url.scheme() == Scheme::Https,
                    now: SystemTime::now(),
                };
                let signed = signer.sign(&facts)?;
                set_all(headers, &signed)
            }
            Auth::Flow(_) => self.sign_by_flow(headers),
        }
    }

    fn judge(&mut self, head: &ResponseHead, url: &Url) -> bool {
        let again = match &*self.auth {
            Auth::Nothing | Auth::Basic(..) | Auth::Bearer(_) | Auth::Netrc(_) | Auth::SigV4(_) => false,
            Auth::Digest(credentials, rules) => {
                let space = space(Role::Origin, &url.origin(), credentials);
                self.known.judge(rules, Role::Origin, &space, head, &mut self.answered)
            }
            Auth::Flow(_) => self.flow.as_ref().is_some_and(|flow| flow.goes_on),
        };
        if !again || self.rounds == ROUNDS {
            return false;
        }
        self.rounds += 1;
        true
    }

    /// Goes on behind a redirect: false where the credentials stay behind.
    ///
    /// netrc is asked anew: it says for each host what belongs there.
    fn follow(&mut self, to_another_origin: bool) -> bool {
        self.abroad |= to_another_origin;
        self.answered = None;
        self.begin_flow();
        match &*self.auth {
            Auth::Netrc(_) => true,
            Auth::Nothing
            | Auth::Basic(..)
            | Auth::Bearer(_)
            | Auth::Digest(..)
            | Auth::SigV4(_)
            | Auth::Flow(_) => !self.abroad,
        }
    }

    fn begin_flow(&mut self) {
        if let Auth::Flow(flow) = &*self.auth {
            self.flow = Some(Flowing { rounds: flow.begin(), fields: None, goes_on: false });
        }
    }

    fn sign_by_netrc(
        &self,
        path: &Option<PathBuf>,
        headers: &mut Headers,
        url: &Url,
        request: &Request,
    ) -> Result<()> {
        let netrc = self.known.netrc(path)?;
        let host = url.host().trim_matches(['[', ']']);
        let found = if self.abroad { netrc.own_credentials(host) } else { netrc.credentials(host) };
        let facts = auth::Facts {
            has_auth: false,
            has_header: request.headers.contains(AUTHORIZATION),
            url_has_credentials: url.credentials().is_some(),
            netrc_has_entry: found.is_some(),
        };
        let wanted = auth::choose(&auth::Rules::modern(), &facts) == auth::Decision::Netrc;
        match found.filter(|_| wanted) {
            Some(credentials) => {
                headers.set(AUTHORIZATION, basic::authorization(&basic::Rules::modern(), &credentials)?)
            }
            None => Ok(()),
        }
    }

    /// What it has said when it was consulted.
    fn sign_by_flow(&self, headers: &mut Headers) -> Result<()> {
        let fields = self.flow.as_ref().and_then(|flow| flow.fields.as_ref());
        fields.map_or(Ok(()), |fields| set_all(headers, fields))
    }
}

impl Known {
    /// The field that answers a challenge which came before, if one did.
    fn answer(
        &self,
        space: &str,
        credentials: &Credentials,
        facts: &digest::Facts<'_>,
    ) -> Result<Option<Vec<u8>>> {
        match lock(&self.digests).get_mut(space) {
            Some(session) => session.authorization(credentials, facts).map(Some),
            None => Ok(None),
        }
    }

    /// Takes in what an answer says about Digest: true where another round can help. `answered` is the session that
    /// answered a challenge of this very request; one that is refused although it was known from before is not it, as
    /// servers forget.
    fn judge(
        &self,
        rules: &digest::Rules,
        role: Role,
        space: &str,
        head: &ResponseHead,
        answered: &mut Option<digest::Session>,
    ) -> bool {
        if head.status != role.status() {
            if let Some(info) = head.headers.get(role.info_header())
                && let Some(session) = lock(&self.digests).get_mut(space)
            {
                session.take_info(info);
            }
            return false;
        }
        let challenges = challenges(head.headers.get_all(role.challenge_header()));
        let mut digests = lock(&self.digests);
        match digest::decide(rules, &challenges, answered.as_ref(), &client_nonce()) {
            digest::Decision::Answer(session) => {
                if digests.len() >= SPACES {
                    digests.clear();
                }
                digests.insert(space.to_owned(), session.clone());
                *answered = Some(session);
                true
            }
            digest::Decision::GiveUp(_) => {
                digests.remove(space);
                false
            }
        }
    }

    fn netrc(&self, path: &Option<PathBuf>) -> Result<Arc<Netrc>> {
        if let Some(netrc) = lock(&self.netrcs).get(path) {
            return Ok(Arc::clone(netrc));
        }
        let netrc = Arc::new(environment::netrc(path.as_deref())?);
        lock(&self.netrcs).insert(path.clone(), Arc::clone(&netrc));
        Ok(netrc)
    }
}

const AUTHORIZATION: &str = "Authorization";

fn asked<'a>(headers: &'a Headers, url: &'a Url, request: &'a Request) -> Asked<'a> {
    Asked { method: &request.method, url, headers, body: request.body.in_memory() }
}

fn set_all(headers: &mut Headers, fields: &Headers) -> Result<()> {
    fields.iter().try_for_each(|(name, value)| headers.set(name, value))
}

fn space(role: Role, origin: &str, credentials: &Credentials) -> String {
    format!("{role:?} {origin} {}", credentials.user)
}

/// Makes the request's body ready to be sent once more.
fn again_with(request: &Request, url: &Url) -> Result<()> {
    request.body.rewind().map_err(|error| {
        error.with_url(url.as_str()).hint(
            "credentials were asked for when the body was sent already: send a request without a body first, \
             whose challenge the client remembers, or a body in memory or from a file",
        )
    })
}

/// RFC 7616 section 3.4: "an opaque quoted ASCII-only string value provided by the client", new for each challenge.
fn client_nonce() -> String {
    format!("{:016x}{:016x}", random::word(), random::word())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is one step: what a panicking thread leaves is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
