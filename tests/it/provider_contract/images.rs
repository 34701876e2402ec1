//! Orders for images, and the images that come back.

use super::*;

fn order(model: &str) -> Request {
    Request::Image(ImageRequest {
        model: model.to_owned(),
        prompt: "a paper lantern".to_owned(),
        size: "1024x1024".to_owned(),
        seed: 7,
    })
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

#[tokio::test]
async fn each_image_service_is_asked_in_its_own_form() {
    let check = async |api: ImageApi, model: &str, path: &str, own_fields: Value| {
        let body = json!({"created": 1, "model": "real", "data": [{"b64_json": STANDARD.encode(PNG)}],
                          "usage": {"input_tokens": 5, "output_tokens": 7, "cost": 0.04}});
        let wire =
            Wire::start(vec![response(200, &[("x-request-id", "r1")], body.to_string())]).await;
        let endpoint = Endpoint { image_api: api, ..endpoint(wire.url()) };
        let reply = client(endpoint).ask(&order(model), &|_| ()).await.unwrap();
        assert_eq!(reply.images, [Image { bytes: PNG.into(), mime: "image/png".to_owned() }]);
        assert_eq!((reply.usage.tokens_in, reply.usage.tokens_out), (Some(5), Some(7)));
        assert_eq!(reply.cost, Some(MicroUsd(40_000)));
        assert_eq!(reply.model_used.as_deref(), Some("real"));
        assert_eq!(reply.request_id.as_deref(), Some("r1"));
        let [request] = &wire.requests()[..] else { panic!("one request") };
        assert_eq!(request.line, format!("POST {path} HTTP/1.1"));
        let mut expected =
            json!({"model": model, "prompt": "a paper lantern", "size": "1024x1024"});
        expected.as_object_mut().unwrap().extend(own_fields.as_object().unwrap().clone());
        assert_eq!(request.json(), expected);
    };
    let openai = json!({"n": 1, "response_format": "b64_json"});
    check(ImageApi::Openai, "sd-turbo", "/images/generations", openai).await;
    check(ImageApi::Openai, "gpt-image-2", "/images/generations", json!({"n": 1})).await;
    check(ImageApi::Openrouter, "x/y", "/images", json!({"n": 1, "seed": 7})).await;
    let ark = json!({"response_format": "b64_json", "watermark": false});
    check(ImageApi::Ark, "doubao-seedream-5-0-260128", "/images/generations", ark).await;
    let ark3 = json!({"response_format": "b64_json", "watermark": false, "seed": 7});
    check(ImageApi::Ark, "doubao-seedream-3-0-t2i-250415", "/images/generations", ark3).await;
}

#[tokio::test]
async fn an_image_behind_a_url_is_fetched_at_once_without_the_key() {
    let files = Wire::start(vec![
        response(302, &[("location", "/b")], ""),
        response(307, &[("location", "/c")], ""),
        response(302, &[("location", "/d")], ""),
        response(200, &[("content-type", "text/plain")], b"\xFF\xD8\xFFjpeg"),
    ])
    .await;
    let body = json!({"data": [{"url": format!("{}/a", files.url())}]});
    let wire = Wire::start(vec![response(200, &[], body.to_string())]).await;
    let reply = client(endpoint(wire.url())).ask(&order("m"), &|_| ()).await.unwrap();
    assert_eq!(reply.images[0].mime, "image/jpeg");
    let lines: Vec<_> = files.requests().into_iter().map(|request| request.line).collect();
    assert_eq!(lines, ["GET /a HTTP/1.1", "GET /b HTTP/1.1", "GET /c HTTP/1.1", "GET /d HTTP/1.1"]);
    assert!(files.requests().iter().all(|request| request.header("authorization").is_none()));
}

#[tokio::test]
async fn an_image_that_is_none_is_an_error() {
    let ask = async |body: &str| {
        let wire = Wire::start(vec![response(200, &[], body)]).await;
        let asked = client(endpoint(wire.url())).ask(&order("m"), &|_| ()).await;
        assert_eq!(wire.requests().len(), 1);
        asked.expect_err(body)
    };
    let check = async |body: Value, class: Class| {
        let error = ask(&body.to_string()).await;
        assert_eq!(error.class, class, "{body}: {error:?}");
    };
    check(json!({"data": []}), Class::BadReply).await;
    check(json!({"created": 1}), Class::BadReply).await;
    check(json!({"data": [{"b64_json": "not base64!"}]}), Class::BadReply).await;
    check(json!({"data": [{"b64_json": STANDARD.encode(b"GIF89a")}]}), Class::BadReply).await;
    check(json!({"data": [{"b64_json": STANDARD.encode(b"<svg/>")}]}), Class::BadReply).await;
    check(json!({"data": [{"url": "file:///etc/passwd"}]}), Class::BadReply).await;
    check(json!({"data": [{"url": "nonsense"}]}), Class::BadReply).await;
    let blocked = json!({"code": "OutputImageSensitiveContentDetected", "message": "m"});
    check(json!({"data": [{"error": blocked}]}), Class::ContentBlocked).await;
    check(json!({"error": blocked, "data": []}), Class::ContentBlocked).await;
    assert_eq!(ask("<html>").await.class, Class::BadReply);
    assert_eq!(ask("data: {}\n\n").await.class, Class::BadReply);
    assert_eq!(ask("").await.class, Class::BadReply);
}

#[tokio::test]
async fn a_download_that_leads_astray_is_an_error() {
    let check = async |files: Vec<Vec<Play>>, requests: usize| {
        let files = Wire::start(files).await;
        let body = json!({"data": [{"url": format!("{}/a", files.url())}]});
        let wire = Wire::start(vec![response(200, &[], body.to_string())]).await;
        let error = client(endpoint(wire.url())).ask(&order("m"), &|_| ()).await.unwrap_err();
        assert_eq!(error.class, Class::BadReply, "{error:?}");
        assert_eq!(files.requests().len(), requests);
    };
    let redirect = |target: &str| response(302, &[("location", target)], "");
    check(vec![redirect("/a"); 9], 4).await;
    check(vec![redirect("http://1.1.1.1/")], 1).await;
    check(vec![redirect("file:///etc/passwd")], 1).await;
    check(vec![response(302, &[], "")], 1).await;
    check(vec![response(404, &[], "gone")], 1).await;
    check(vec![response(200, &[], "<html>")], 1).await;
}

#[tokio::test]
async fn a_giant_image_is_cut_off() {
    let mib = vec![b'x'; 1 << 20];
    let giant = [vec![head(200, &[])], vec![Play::Bytes(mib); 33]].concat();
    let files = Wire::start(vec![giant]).await;
    let body = json!({"data": [{"url": files.url()}]});
    let wire = Wire::start(vec![response(200, &[], body.to_string())]).await;
    let error = client(endpoint(wire.url())).ask(&order("m"), &|_| ()).await.unwrap_err();
    assert_eq!(error.class, Class::BadReply);
    assert!(error.message.contains("longer than"), "{}", error.message);
}
