// Show the OpenAPI document of this service. Everything is asked for beside this page, so it works behind any prefix.
SwaggerUIBundle({ url: "v1/openapi.json", dom_id: "#routes", deepLinking: true, validatorUrl: null });
