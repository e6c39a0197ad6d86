// Shows /api/schema/ with Swagger UI, which is served from here. Requests go out with the reader's session.
const token = document.querySelector("meta[name=csrf-token]").content

window.SwaggerUIBundle({
  url: document.querySelector("#docs").dataset.schema,
  dom_id: "#docs",
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  filter: true,
  validatorUrl: null,
  requestInterceptor: (request) => {
    if (new URL(request.url, location.href).origin === location.origin) request.headers["X-CSRFToken"] = token
    return request
  },
})
