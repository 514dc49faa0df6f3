// Requests to the server that this page came from, and to no other.

export class ServerError extends Error {}

async function answered(response) {
  if (response.ok) return response.json();
  let said = `the server answered ${response.status}`;
  try { said = (await response.json()).error || said; } catch { /* no JSON: the status has to do */ }
  throw new ServerError(said);
}

export async function get(path) {
  return answered(await fetch(path));
}

export async function ask(model, endpoint, body) {
  const path = `/v1/models/${encodeURIComponent(model.name)}/${endpoint}`;
  const headers = { "Content-Type": "application/json" };
  return answered(await fetch(path, { method: "POST", headers, body: JSON.stringify(body) }));
}

// Returns a function that runs `work` for the latest arguments only: while one call is under way, others wait, and of these
// only the last is done. So a picture follows the pointer as fast as the server answers, and never falls behind.
export function latest(work, failed) {
  let busy = false;
  let next = null;
  return async function call(...given) {
    next = given;
    if (busy) return;
    busy = true;
    try {
      while (next !== null) {
        const now = next;
        next = null;
        try { await work(...now); } catch (error) { failed(error); }
      }
    } finally {
      busy = false;
    }
  };
}
