//! What a server answers to a request, as a provider would meet it:
//! `cargo run -p embed-http --example get -- http://localhost:11434 /api/version`

use std::error::Error;
use std::time::Duration;

use embed_http::{HttpClient, kind_of_status};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(base), Some(path)) = (arguments.next(), arguments.next()) else {
        return Err("usage: get BASE PATH".into());
    };
    let client = HttpClient::builder(base)
        .max_connections(1)
        .connect_timeout(Duration::from_secs(5))
        .build()?;
    let response = client.get(&path).await?;
    if !response.status().is_success() {
        let failure = response.failure().await;
        let (kind, told) = (kind_of_status(failure.status), failure.body.clone());
        return Err(failure.into_error(kind, &told).into());
    }
    println!("{}", String::from_utf8_lossy(&response.bytes().await?));
    Ok(())
}
