// Shows the document of the API and tries its operations. No dependencies; nothing is loaded from elsewhere.
"use strict";

const byId = (id) => document.getElementById(id);
const make = (name, attributes = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
};

let api;
const resolve = (value) =>
  value && value.$ref ? value.$ref.slice(2).split("/").reduce((at, key) => at[key], api) : value;

function operations() {
  const found = [];
  for (const [path, verbs] of Object.entries(api.paths)) {
    for (const [verb, operation] of Object.entries(verbs)) found.push({ path, verb, ...operation });
  }
  return found;
}

function typeOf(schema) {
  const name = schema.$ref && schema.$ref.split("/").pop();
  if (schema.oneOf) return schema.oneOf.map(typeOf).join(" | ");
  const full = resolve(schema);
  if (full.enum) return full.enum.join(" | ");
  if (name) return name;
  if (full.type === "array") return `list of ${typeOf(full.items)}`;
  const type = Array.isArray(full.type) ? full.type.join(" | ") : full.type || "any";
  return full.format ? `${type} (${full.format})` : type;
}

function example(schema, depth = 0) {
  if (schema.oneOf) return example(schema.oneOf[0], depth);
  const full = resolve(schema);
  if (full.enum) return full.enum[0];
  const type = Array.isArray(full.type) ? full.type[0] : full.type;
  if (type === "object") {
    // What must be given, or else everything that may be.
    const wanted = ([key]) => !full.required || full.required.includes(key);
    const entries = depth > 3 ? [] : Object.entries(full.properties || {}).filter(wanted);
    return Object.fromEntries(entries.map(([key, value]) => [key, example(value, depth + 1)]));
  }
  if (type === "array") return depth > 3 ? [] : [example(full.items, depth + 1)];
  if (type === "integer" || type === "number") return 0;
  if (type === "boolean") return false;
  return full.format === "date-time" ? "2026-01-01T00:00:00Z" : "";
}

function list(filter) {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const groups = new Map(api.tags.map((tag) => [tag.name, []]));
  for (const operation of operations()) {
    const text = `${operation.verb} ${operation.path} ${operation.summary} ${operation.tags[0]}`.toLowerCase();
    if (words.every((word) => text.includes(word))) groups.get(operation.tags[0]).push(operation);
  }
  const shown = [...groups].filter(([, members]) => members.length);
  byId("operations").replaceChildren(...shown.map(([name, members]) =>
    make("details", { open: words.length > 0 || members.some(isCurrent) },
      make("summary", {}, name.replace(/([a-z])([A-Z])/g, "$1 $2")),
      ...members.map((operation) =>
        make("a", { href: `#${operation.operationId}`, "aria-current": isCurrent(operation) && "page", title: operation.path },
          make("span", { class: `verb ${operation.verb}` }, operation.verb), make("span", {}, operation.summary))))));
}

const isCurrent = (operation) => location.hash === `#${operation.operationId}`;

function fieldsTable(schema) {
  const full = resolve(schema);
  const required = new Set(full.required || []);
  return make("table", {}, make("thead", {}, make("tr", {}, make("th", {}, "Field"), make("th", {}, "Type"), make("th", {}, ""))),
    make("tbody", {}, ...Object.entries(full.properties || {}).map(([name, field]) =>
      make("tr", {}, make("td", {}, name + (required.has(name) ? " *" : "")), make("td", { class: "mute" }, typeOf(field)),
        make("td", {}, field.description || resolve(field).description || "")))));
}

function show() {
  const operation = operations().find(isCurrent) || operations()[0];
  const inputs = new Map();
  const parameters = operation.parameters || [];
  const content = operation.requestBody && operation.requestBody.content;
  const json = content && content["application/json"];
  const csv = content && content["text/csv"];
  const body = json
    ? make("textarea", { "aria-label": "Body", spellcheck: "false" }, JSON.stringify(example(json.schema), null, 2))
    : csv && make("textarea", { "aria-label": "CSV", spellcheck: "false" }, "first_name,last_name,email\nAda,Lovelace,ada@example.com\n");
  const answer = make("div", { "aria-live": "polite" });
  const success = Object.entries(operation.responses).find(([status]) => status.startsWith("2"));
  const answerSchema = success && success[1].content && success[1].content["application/json"];
  byId("operation").replaceChildren(
    make("h2", {}, operation.summary),
    make("p", { class: "path" }, make("span", { class: `verb ${operation.verb}` }, operation.verb), " ", operation.path),
    make("p", {}, operation.description || ""),
    make("p", { class: "mute" }, operation["x-permission"] ? `Needs the permission ${operation["x-permission"]}.`
      : operation.security ? "Needs no token." : "Needs a token."),
    parameters.length ? make("h3", {}, "Parameters") : "",
    parameters.length ? make("table", {}, make("tbody", {}, ...parameters.map((parameter) => {
      const input = make("input", { "aria-label": parameter.name, placeholder: parameter.schema ? typeOf(parameter.schema) : "JSON" });
      inputs.set(parameter, input);
      return make("tr", {}, make("td", {}, parameter.name + (parameter.required ? " *" : "")), make("td", {}, input),
        make("td", {}, parameter.description || ""));
    }))) : "",
    body ? make("h3", {}, "Body") : "", body || "",
    make("p", {}, make("button", { type: "button", onclick: () => attempt(operation, inputs, body, json, answer) }, "Send")),
    answer,
    json ? make("details", {}, make("summary", {}, "Fields of the body"), fieldsTable(json.schema)) : "",
    answerSchema ? make("details", {}, make("summary", {}, `Fields of the answer (${success[0]})`), fieldsTable(answerSchema.schema)) : "",
  );
  list(byId("find").value);
}

async function attempt(operation, inputs, body, json, answer) {
  let path = operation.path;
  const query = new URLSearchParams();
  const headers = {};
  for (const [parameter, input] of inputs) {
    if (!input.value) continue;
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else if (parameter.in === "header") headers[parameter.name] = input.value;
    else for (const value of parameter.schema && parameter.schema.type === "array" ? input.value.split(",") : [input.value]) {
      query.append(parameter.name, value.trim());
    }
  }
  const token = byId("token").value.trim();
  if (token) headers.authorization = `Bearer ${token.replace(/^Bearer\s+/i, "")}`;
  if (body) headers["content-type"] = json ? "application/json" : "text/csv";
  const url = path + (query.size ? `?${query}` : "");
  const begun = performance.now();
  try {
    const response = await fetch(url, { method: operation.verb.toUpperCase(), headers, body: body ? body.value : undefined });
    const text = (await response.text()).slice(0, 200000);
    let shown = text;
    try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not every answer is JSON */ }
    const took = Math.round(performance.now() - begun);
    const told = [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
    answer.replaceChildren(make("h3", {}, `${response.status} ${response.statusText} in ${took} ms`), make("pre", {}, shown),
      make("details", {}, make("summary", {}, "Headers"), make("pre", {}, told)));
  } catch (error) {
    answer.replaceChildren(make("h3", {}, "No answer"), make("pre", {}, String(error)));
  }
}

async function begin() {
  try {
    api = await (await fetch("/api/v1/openapi.json")).json();
  } catch (error) {
    byId("operation").replaceChildren(make("p", {}, `The document of the API can't be read: ${error}`));
    return;
  }
  byId("find").addEventListener("input", (event) => list(event.target.value));
  window.addEventListener("hashchange", () => { show(); byId("operation").focus(); byId("operation").scrollTop = 0; });
  show();
}

begin();
