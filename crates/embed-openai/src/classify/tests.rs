//! The table of refusals, row by row.

use std::time::Duration;

use super::*;

fn asked(key: Option<&ApiKey>) -> Asked<'_> {
    Asked {
        model: "m",
        key,
        dimensions: Some(256),
        inputs: 2,
    }
}

#[test]
fn each_refusal_is_what_it_means_not_what_its_status_says() {
    use ErrorKind::*;
    for (status, body, expected) in [
        // OpenAI.
        (
            429,
            r#"{"error":{"message":"Rate limit reached for m. Please try again in 20s.","type":"tokens","code":"rate_limit_exceeded"}}"#,
            RateLimited,
        ),
        (
            429,
            r#"{"error":{"message":"You exceeded your current quota, please check your plan","type":"insufficient_quota","code":"insufficient_quota"}}"#,
            QuotaSpent,
        ),
        (
            400,
            r#"{"error":{"message":"Billing hard limit has been reached","type":"invalid_request_error","code":"billing_hard_limit_reached"}}"#,
            QuotaSpent,
        ),
        (402, "", QuotaSpent),
        (
            401,
            r#"{"error":{"message":"Incorrect API key provided: sk-12345678","code":"invalid_api_key"}}"#,
            Unauthorized,
        ),
        (
            403,
            r#"{"error":{"message":"Project does not have access to model `m`","code":"model_not_found"}}"#,
            Unauthorized,
        ),
        (
            404,
            r#"{"error":{"message":"The model `m` does not exist","code":"model_not_found"}}"#,
            ModelNotFound,
        ),
        (
            404,
            r#"{"error":{"message":"Invalid URL (POST /v1/embedding)","type":"invalid_request_error","code":null}}"#,
            InvalidConfig,
        ),
        (
            400,
            r#"{"error":{"message":"Requested 310000 tokens, max 300000 tokens per request","code":"max_tokens_per_request"}}"#,
            InvalidInput,
        ),
        (
            400,
            r#"{"error":{"message":"This model's maximum context length is 8192 tokens, however you requested 9000"}}"#,
            InputTooLong,
        ),
        (
            400,
            r#"{"error":{"message":"'$.input' is invalid.","type":"invalid_request_error"}}"#,
            InvalidInput,
        ),
        (408, "", Timeout(embed_core::TimeoutPhase::FirstByte)),
        (409, "", Busy),
        (425, "", Busy),
        (500, r#"{"error":{"message":"The server had an error"}}"#, Server),
        (502, "<html><title>Bad Gateway</title>", Server),
        (503, "", Busy),
        (529, "", Busy),
        // Azure.
        (
            404,
            r#"{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}"#,
            ModelNotFound,
        ),
        (
            401,
            r#"{"statusCode":401,"message":"Access denied due to invalid subscription key"}"#,
            Unauthorized,
        ),
        (
            429,
            r#"{"error":{"code":"429","message":"Requests have exceeded call rate limit. Please retry after 26 seconds."}}"#,
            RateLimited,
        ),
        // vLLM, LiteLLM, Voyage and others on `dimensions`.
        (
            400,
            r#"{"object":"error","message":"Model \"m\" does not support matryoshka representation, changing output dimensions will lead to poor results.","type":"BadRequestError","code":400}"#,
            InvalidConfig,
        ),
        (
            400,
            r#"{"error":{"message":"litellm.UnsupportedParamsError: Setting dimensions is not supported for this model. To drop it, set drop_params"}}"#,
            InvalidConfig,
        ),
        (
            400,
            r#"{"object":"error","message":"This model's maximum context length is 512 tokens.","type":"BadRequestError","code":400}"#,
            InputTooLong,
        ),
        (
            404,
            r#"{"object":"error","message":"The model `m` does not exist.","type":"NotFoundError","code":404}"#,
            ModelNotFound,
        ),
        // Text Embeddings Inference.
        (
            413,
            r#"{"error":"batch size 64 > maximum allowed batch size 32","error_type":"Validation"}"#,
            InvalidInput,
        ),
        (
            413,
            r#"{"error":"`inputs` must have less than 512 tokens. Given: 1000","error_type":"Validation"}"#,
            InputTooLong,
        ),
        (413, "length limit exceeded", InvalidInput),
        (
            422,
            r#"{"error":"Tokenization error","error_type":"Tokenizer"}"#,
            InvalidInput,
        ),
        (
            424,
            r#"{"error":"Inference failed","error_type":"Backend"}"#,
            Server,
        ),
        (
            429,
            r#"{"error":"Model is overloaded","error_type":"Overloaded"}"#,
            Busy,
        ),
        (503, r#"{"error":"unhealthy","error_type":"Unhealthy"}"#, Busy),
        // llama.cpp.
        (
            500,
            r#"{"error":{"code":500,"message":"input is too large to process. increase the physical batch size","type":"server_error"}}"#,
            InputTooLong,
        ),
        (
            501,
            r#"{"error":{"code":501,"message":"This server does not support embeddings. Start it with `--embeddings`","type":"not_supported_error"}}"#,
            InvalidConfig,
        ),
        (
            503,
            r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#,
            Busy,
        ),
        // Ollama by its look-alike path.
        (
            404,
            r#"{"error":{"message":"model \"m\" not found, try pulling it first","type":"api_error","param":null,"code":null}}"#,
            ModelNotFound,
        ),
        (
            400,
            r#"{"error":{"message":"do embedding request: Post \"http://127.0.0.1:4/embedding\": EOF","type":"invalid_request_error"}}"#,
            Server,
        ),
        (
            400,
            r#"{"error":{"message":"unexpected EOF","type":"invalid_request_error"}}"#,
            Server,
        ),
        (
            400,
            r#"{"error":{"message":"EOF","type":"invalid_request_error"}}"#,
            Server,
        ),
        (
            400,
            r#"{"error":{"message":"llama runner process has terminated: exit status 2"}}"#,
            Server,
        ),
        (
            500,
            r#"{"error":{"message":"json: unsupported value: NaN","type":"api_error"}}"#,
            InvalidResponse,
        ),
        (
            400,
            r#"{"error":{"message":"the input length exceeds the context length"}}"#,
            InputTooLong,
        ),
        // MiniMax says it all under 200.
        (
            200,
            r#"{"vectors":null,"base_resp":{"status_code":1002,"status_msg":"rate limit"}}"#,
            RateLimited,
        ),
        (
            200,
            r#"{"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}"#,
            QuotaSpent,
        ),
        (
            200,
            r#"{"base_resp":{"status_code":1004,"status_msg":"login fail"}}"#,
            Unauthorized,
        ),
        (
            200,
            r#"{"base_resp":{"status_code":1013,"status_msg":"internal service error"}}"#,
            Server,
        ),
        // Others.
        (404, r#"{"detail":"Not Found"}"#, InvalidConfig),
        (405, "", InvalidConfig),
        (
            422,
            r#"{"detail":[{"loc":["body"],"msg":"field required"}]}"#,
            InvalidInput,
        ),
    ] {
        let (kind, message) = judge(status, &Said::read(body), asked(None));
        assert_eq!(kind, expected, "{status} {body}");
        assert!(message.starts_with("model `m`: "), "{message}");
        // The transport cuts what a server said at 500 characters: the hint must come before.
        assert!(message.chars().count() <= 500, "{message}");
    }
}

#[test]
fn words_on_dimensions_mean_nothing_where_none_were_asked_for() {
    let said = Said::read(r#"{"error":{"message":"expected 3 dimensions in input"}}"#);
    let plain = Asked {
        dimensions: None,
        ..asked(None)
    };
    assert_eq!(judge(400, &said, plain).0, ErrorKind::InvalidInput);
}

#[test]
fn a_key_that_the_server_repeats_is_masked() {
    let key = ApiKey::new("azure-key-0123");
    let said = Said::read("header azure-key-0123 refused, sk-proj-abcdefgh too");
    let (_, message) = judge(401, &said, asked(Some(&key)));
    assert_eq!(
        message,
        "model `m`: header *** refused, *** too; check the key, and that it may use this model"
    );
}

#[test]
fn a_wait_in_the_message_counts_unless_a_header_named_one() {
    let said = Said::read("Please retry after 26 seconds.");
    let error = || Error::new(ErrorKind::RateLimited, "");
    let wait = Duration::from_secs(26);
    assert_eq!(
        finish(error(), &said, false, asked(None)).retry_after(),
        Some(wait)
    );
    assert_eq!(finish(error(), &said, true, asked(None)).retry_after(), None);
    let spent = Error::new(ErrorKind::QuotaSpent, "");
    assert_eq!(finish(spent, &said, false, asked(None)).retry_after(), None);
}

#[test]
fn an_answer_without_an_error_is_none() {
    let http = HttpClient::builder("http://h").build().expect("a client");
    for rest in [
        serde_json::json!({"object": "list", "model": "m"}),
        serde_json::json!({"error": null, "base_resp": {"status_code": 0, "status_msg": "success"}}),
        serde_json::json!(null),
    ] {
        assert!(error_in_success(&http, "http://h", &rest, asked(None)).is_none());
    }
    let one = Asked {
        inputs: 1,
        ..asked(None)
    };
    let rest = serde_json::json!({"object": "error", "message": "maximum context length is 5"});
    let error = error_in_success(&http, "http://h/v1/embeddings", &rest, one).expect("an error");
    assert_eq!(
        (error.kind(), error.input(), error.status()),
        (ErrorKind::InputTooLong, Some(0), Some(200))
    );
}
