// One way to call the server: the answer is a value, also when it is a refusal or nothing at all.

export async function call(method, path, body) {
  const options = { method, credentials: "same-origin", headers: { Accept: "application/json" } };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    return { status: 0, ok: false, body: null, retryAfter: null };
  }
  let answer = null;
  try {
    answer = await response.json();
  } catch {
    // An empty or non-JSON answer has no body worth keeping; its status says enough.
  }
  const seconds = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  return {
    status: response.status,
    ok: response.ok,
    body: answer,
    retryAfter: Number.isNaN(seconds) ? null : seconds,
  };
}
