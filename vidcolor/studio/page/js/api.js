// The endpoints that the page uses: the same that /recipes describes.

import { say } from "./dom.js";

export class ApiError extends Error {}

async function answer(response) {
  if (response.status === 204) return null;
  const kind = response.headers.get("content-type") ?? "";
  const body = kind.includes("json") ? await response.json() : await response.text();
  if (!response.ok) throw new ApiError(body.error ?? `the server answers ${response.status}`);
  return body;
}

async function call(method, path, body) {
  const options = { method };
  if (body !== undefined) {
    options.headers = { "content-type": "application/json" };
    options.body = JSON.stringify(body);
  }
  try {
    return await answer(await fetch(path, options));
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError("the server doesn't answer; is it still running?");
  }
}

export const get = (path, query) => call("GET", address(path, query));
export const post = (path, body) => call("POST", path, body ?? {});
export const put = (path, body) => call("PUT", path, body);
export const remove = (path) => call("DELETE", path);

export function address(path, query = {}) {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === "") continue;
    for (const each of Array.isArray(value) ? value : [value]) words.append(name, each);
  }
  const text = words.toString();
  return text ? `${path}?${text}` : path;
}

// Sends a file; onProgress gets 0 to 1. The answer says what is in it.
export function upload(file, onProgress, path = "/api/uploads", query = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", address(path, { name: file.name, ...query }));
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress?.(event.loaded / event.total);
    });
    request.addEventListener("load", () => {
      let body = {};
      try { body = JSON.parse(request.responseText); } catch { /* no JSON: the status speaks */ }
      if (request.status < 300) resolve(body);
      else reject(new ApiError(`${file.name}: ${body.error ?? `the server answers ${request.status}`}`));
    });
    request.addEventListener("error", () => reject(new ApiError(`${file.name}: the upload was cut off`)));
    request.send(file);
  });
}

// Runs something that may fail, and shows its one line if it does.
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    say(error.message);
    return undefined;
  }
}

// A picture by fetch, so that a refusal is a line and not a broken picture or an error in the console.
export async function picture(path, query) {
  const response = await fetch(address(path, query));
  if (!response.ok) await answer(response);
  return URL.createObjectURL(await response.blob());
}
