// Package api is what centres and admins call on a node: gRPC and HTTP/JSON on one port, with health, metrics and
// the OpenAPI document beside them. It also builds the gRPC server of the federation port, which passes the same
// gate.
//
// Files, in the order a call meets them:
//
//	server.go       Config, New, Attach, Serve, Shutdown
//	address.go      which addresses need TLS; tls.go makes it
//	switchboard.go  one port: TLS, then gRPC or HTTP/1.1
//	web.go          HTTP: what is answered where
//	body.go         bodies: their limit, UTF-8, and bare objects
//	transcode.go    HTTP/JSON to the services and back; jsonerror.go finds the field in an error
//	inprocess.go    from there to the services without a connection
//	sse.go          the feed as server-sent events
//	pages.go        /healthz /readyz /metrics; openapi.go: /openapi.json
//	gate.go         every call: who, allowed or not, how long, counted, logged
//	rules.go        the access annotations of the .proto files
//	call.go         what is known of a call under way; operator.go: whom a system acts for
//	malformed.go    requests that are no messages; enums.go: values that are not in the contract
//	watch.go        deadlines, and the end of calls that go on for long
//	errors.go       what callers are told of an error; weberror.go: over HTTP
//	tickets.go      TicketService and EventService, over the desk; bounded.go: how large a page of a list may be
//	registry.go     RegistryService: what is read
//	changes.go      RegistryService: what is changed
//	lookup.go       RegistryService: who serves a place and a matter; pagetoken.go: lists, page by page
//	rejections.go   what the registry refused, in the API's kinds of errors
//	status.go       StatusService; problems.go says what is wrong, in two languages
//	federation.go   the gRPC server of the federation port
//
// What does not live here: rules of tickets (gateway/ticket, gateway/desk), rules of the registry (federation), and
// who has which token (gateway/access).
//
// # Decisions
//
// HTTP/2 connections carry gRPC and nothing else, HTTP/1.1 connections JSON: so gRPC runs on its own transport, at
// 28 µs a call (BenchmarkSubmitGRPC, two cores) and not the 66 µs of its adapter for net/http. With TLS a client that offers both gets HTTP/1.1.
//
// HTTP/JSON reaches the services through an in-process connection that runs the same gate as gRPC does; there is no
// second place where access is decided.
//
// Unknown JSON fields, unknown query parameters and unknown enum values are refused: a filter with a slip in its name
// would otherwise list everything. Over gRPC unknown fields are taken, as Protobuf has it, so that old and new
// programs work side by side.
//
// Pages of lists are bounded in bytes here and not where they are read: a page of long entries would otherwise be larger
// than what gRPC clients take, and a reader of the feed would never get past it.
package api
