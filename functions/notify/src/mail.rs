//! Sends e-mail through an SMTP server.
//!
//! Must stay true: a password goes only over TLS to a server whose certificate names it. Without TLS only a server on this
//! machine is spoken to. No error repeats what the server said, which may repeat addresses.

use crate::post::{PATIENCE, unreachable};
use crate::reach::Reach;
use crate::send::Refusal;
use lettre::message::{Mailbox, header};
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use std::error::Error;
use vestibule_notices::{Keys, To};

/// The port on which TLS begins at once.
const SUBMISSIONS: u16 = 465;

/// Sends a text. `id` stays the same with each try, so that a mail program shows a repeated message once.
pub(crate) async fn send(
    reach: Reach,
    to: &To,
    keys: &Keys,
    id: &str,
    subject: &str,
    text: &str,
) -> Result<(), Refusal> {
    let To::Email { server, port, tls, user, from, to } = to else { return Err(Refusal::for_good("it is no e-mail")) };
    let message = compose(from, to, id, subject, text)?;
    let address = reach.resolve(server, *port).await.map_err(unreachable)?;
    if !tls && !address.ip().is_loopback() {
        return Err(Refusal::for_good("without TLS only a server on this machine is spoken to"));
    }
    let parameters = || TlsParameters::new(server.clone()).map_err(|_| Refusal::for_good("the server's name is none"));
    let security = match (tls, *port) {
        (false, _) => Tls::None,
        (true, SUBMISSIONS) => Tls::Wrapper(parameters()?),
        (true, _) => Tls::Required(parameters()?),
    };
    // The connection goes to the address that was looked at; the certificate must be the name's.
    let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.ip().to_string())
        .port(*port)
        .tls(security)
        .timeout(Some(PATIENCE));
    if let (Some(user), Some(password)) = (user, &keys.password) {
        transport = transport.credentials(Credentials::new(user.clone(), password.clone()));
    }
    let sent = tokio::time::timeout(PATIENCE, transport.build().send(message)).await;
    match sent {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) if error.is_permanent() => {
            let code = error.status().map_or_else(String::new, |code| format!(" ({code})"));
            Err(Refusal::for_good(&format!("the mail server refused the message{code}")))
        }
        Ok(Err(error)) if is_about_tls(&error) => {
            Err(Refusal::for_now("the mail server's certificate is not trusted, or it speaks no TLS"))
        }
        Ok(Err(error)) if error.is_client() => {
            Err(Refusal::for_now("the mail server offers no TLS, or no way to sign in that is known here"))
        }
        Ok(Err(error)) => {
            let code = error.status().map_or_else(String::new, |code| format!(" ({code})"));
            Err(Refusal::for_now(&format!("the mail server did not take the message{code}")))
        }
        Err(_) => Err(Refusal::for_now("the mail server did not answer in time")),
    }
}

/// Whether TLS could not be agreed on. A certificate that is not trusted comes as an error of the connection, and only
/// what lies behind it says why.
fn is_about_tls(error: &smtp::Error) -> bool {
    let mut behind = error.source();
    while let Some(error) = behind {
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if error.is::<rustls::Error>() || inner.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return true;
        }
        behind = error.source();
    }
    error.is_tls()
}

fn mailbox(address: &str) -> Result<Mailbox, Refusal> {
    let address: Address = address.parse().map_err(|_| Refusal::for_good("an e-mail address is none"))?;
    Ok(Mailbox::new(None, address))
}

fn compose(from: &str, to: &[String], id: &str, subject: &str, text: &str) -> Result<Message, Refusal> {
    let from = mailbox(from)?;
    let id = format!("<{id}@{}>", from.email.domain());
    let mut message = Message::builder()
        .from(from)
        .subject(subject)
        .message_id(Some(id))
        .header(header::ContentType::TEXT_PLAIN)
        .header(AutoSubmitted);
    for address in to {
        message = message.to(mailbox(address)?);
    }
    message.body(text.to_owned()).map_err(|_| Refusal::for_good("the message can't be composed"))
}

/// `Auto-Submitted: auto-generated`, so that nobody's absence is answered to it.
#[derive(Clone, Copy, Debug)]
struct AutoSubmitted;

impl header::Header for AutoSubmitted {
    fn name() -> header::HeaderName {
        header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> header::HeaderValue {
        header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}
