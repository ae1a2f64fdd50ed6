/* Requests to the portal's own API from a page: same origin, with the CSRF token, problems as errors. */

export class Problem extends Error {
  constructor(status, detail, body) {
    super(detail);
    this.status = status;
    this.body = body;
  }
}

export function csrfToken() {
  return document.querySelector('meta[name="csrf-token"]').content;
}

/** Fetch JSON. Throws Problem with the server's own sentence for a refusal, TypeError when nothing answered. */
export async function request(url, { method = "GET", json, body, headers = {}, signal } = {}) {
  const all = { Accept: "application/json", ...headers };
  if (!["GET", "HEAD"].includes(method)) all["X-CSRFToken"] = csrfToken();
  if (json !== undefined) all["Content-Type"] = "application/json";
  const response = await fetch(url, { method, headers: all, body: json === undefined ? body : JSON.stringify(json), signal, credentials: "same-origin" });
  const text = method === "HEAD" ? "" : await response.text();
  let data = null;
  try { data = text ? JSON.parse(text) : null; } catch { /* not JSON: only its status counts */ }
  if (!response.ok) throw new Problem(response.status, data?.detail ?? `${response.status} ${response.statusText}`, data);
  return { data, headers: response.headers, status: response.status };
}

/** The JSON that a template put into the page with json_script, or that `data-src` answers with. */
export async function readSource(element) {
  if (element.dataset.src) return (await request(element.dataset.src)).data;
  return JSON.parse(document.getElementById(element.dataset.source).textContent);
}
