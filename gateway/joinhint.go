package gateway

import "strings"

// joinAdvice is what a failed try to join means: a word for it, and what whoever starts the newcomer may have missed.
type joinAdvice struct{ cause, english, chinese string }

// adviceOn says what a try failed of. Before a region is a member its peers refuse its certificate without a word, as
// they must, so all there is to go by is how the connection ended.
func adviceOn(err error) joinAdvice {
	text := err.Error()
	has := func(parts ...string) bool {
		for _, part := range parts {
			if strings.Contains(text, part) {
				return true
			}
		}
		return false
	}
	switch {
	case has("BAD_CHAIN"):
		return joinAdvice{
			"OTHER_CA",
			"the node at that address has another CA than --fingerprint: take bundleFingerprint of `jieli pki show` there, and see whose address it is",
			"该地址节点的 CA 与 --fingerprint 不符：请以对方 `jieli pki show` 的 bundleFingerprint 为准，并核对地址",
		}
	case has("first record does not look like a TLS handshake"):
		return joinAdvice{
			"NO_TLS",
			"that port does not speak TLS: --join takes the federation port of a member (7345), not its API's",
			"该端口不使用 TLS：--join 须为成员的联盟端口（7345），而非其 API 端口",
		}
	case has("bad certificate", "broken pipe", "connection reset", "EOF"):
		return joinAdvice{
			"NOT_ADMITTED",
			"the member does not know this region yet: `jieli region register` and `jieli region approve` there; it goes on by itself then. If it is approved, " +
				"the keys here are not those that were registered. Compare --cluster-id with `jieli status` there too: it is looked at only after that",
			"对方尚不认识本区域：请对方执行 `jieli region register` 和 `jieli region approve`，之后会自动继续。若已批准，则本机密钥与登记的不符。" +
				"另请与对方 `jieli status` 核对 --cluster-id：批准之后才会检查它",
		}
	case has("connection refused", "no such host", "i/o timeout", "no route to host", "DeadlineExceeded"):
		return joinAdvice{
			"UNREACHABLE",
			"nothing answers at that address: is it the federation port of a member that is up, and does a firewall let it through?",
			"该地址没有响应：是否为运行中成员的联盟端口？防火墙是否放行？",
		}
	}
	return joinAdvice{
		"FAILED",
		"it is tried again until the region is registered and approved",
		"将不断重试，直到本区域被登记并批准",
	}
}
