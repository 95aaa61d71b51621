// Requests to the server, and the dialog that asks for its token.

import { $ } from "./dom.js";

let token = sessionStorage.getItem("token") ?? "";
let tokenDialog = null; // a promise while the dialog is open

// Returns the response of a request that succeeds. Throws an Error with a message for the user otherwise.
export async function request(path, options = {}) {
  const bytes = String.fromCharCode(...new TextEncoder().encode(token)); // headers contain bytes, here UTF-8
  const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${bytes}` } : {}) };
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch {
    throw new Error("The server does not respond. Is facelattice serve still running?");
  }
  if (response.status === 401) {
    await (tokenDialog ??= askForToken().finally(() => (tokenDialog = null))); // once for all requests that fail
    return request(path, options);
  }
  if (!response.ok) {
    const { detail } = await response.json().catch(() => ({}));
    const reason = typeof detail === "string" ? detail : `status ${response.status}`;
    if (response.status === 503) throw new Error("The server is busy. Try again in a moment.");
    throw new Error(`The image was rejected: ${reason}.`);
  }
  return response;
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
