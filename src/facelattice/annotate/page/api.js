/**
 * Requests to the server of `facelattice annotate`.
 *
 *   await get("api/project"), await send("PUT", "api/images/3", body)     the content of the response
 *
 * Throws an Error with a message for the user and the property `status`, 0 if the server does not respond.
 */

function failure(message, status) {
  return Object.assign(new Error(message), { status });
}

export async function send(method, path, body) {
  const content = body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  let response;
  try {
    response = await fetch(path, { method, ...content });
  } catch {
    throw failure("The server does not respond. Is facelattice annotate still running?", 0);
  }
  if (response.ok) return response.json();
  const { detail } = await response.json().catch(() => ({}));
  throw failure(typeof detail === "string" ? detail : `The server answered with status ${response.status}.`, response.status);
}

export const get = (path) => send("GET", path);
