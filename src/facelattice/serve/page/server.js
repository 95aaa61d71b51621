/**
 * Requests to the server, and the dialog that asks for its token.
 *
 *   await request("v1/models")                      the response of a request that succeeds
 *   await request(path, { method: "POST", body, signal }, "The video")
 *
 * Throws an Error with a message for the user otherwise. The last argument names what a status 4xx rejects. The page
 * needs the elements token-dialog, token and token-wrong, see index.html.
 */

import { $ } from "./dom.js";

let token = sessionStorage.getItem("token") ?? "";
let tokenDialog = null; // a promise while the dialog is open

export async function request(path, options = {}, subject = "The image") {
  const bytes = String.fromCharCode(...new TextEncoder().encode(token)); // headers contain bytes, here UTF-8
  const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${bytes}` } : {}) };
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not respond. Is facelattice serve still running?");
  }
  if (response.status === 401) {
    await (tokenDialog ??= askForToken().finally(() => (tokenDialog = null))); // once for all requests that fail
    return request(path, options, subject);
  }
  if (!response.ok) throw await describeFailure(response, subject);
  return response;
}

async function describeFailure(response, subject) {
  const { detail } = await response.json().catch(() => ({}));
  const reason = typeof detail === "string" ? detail : `status ${response.status}`;
  const isBusy = response.status === 503;
  const error = new Error(isBusy ? "The server is busy. Try again in a moment." : `${subject} was rejected: ${reason}.`);
  error.isBusy = isBusy;
  return error;
}

function askForToken() {
  return new Promise((resolve, reject) => {
    const dialog = $("token-dialog");
    $("token-wrong").hidden = !token;
    dialog.returnValue = "";
    dialog.onclose = () => {
      if (dialog.returnValue !== "given") return reject(new Error("This server needs a token."));
      token = $("token").value;
      sessionStorage.setItem("token", token);
      resolve();
    };
    dialog.showModal();
  });
}
