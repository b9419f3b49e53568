"""Settings, read once by an entry point from the environment: `CREDANCHOR_<GROUP>__<NAME>` (docs/settings.md).

There is no global; an entry point reads them and passes on what is needed.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from anchoring.core.fees import FeePolicy
from anchoring.core.finality import parse_finality
from anchoring.core.issuer import MOST_ITEMS_PER_DAY
from anchoring.core.merkle import MAX_LEAVES
from anchoring.core.proof import parse_registry
from anchoring.core.status import MAX_ENTRIES, MIN_ENTRIES
from anchoring.errors import InvalidInput, Misconfigured
from anchoring.types import parse_address, parse_did, parse_http_url

PREFIX: Final = "CREDANCHOR_"
DELIMITER: Final = "__"
GWEI = 10**9
RENAMED: Final = {"CREDANCHOR_LEDGER__RPC_URL": "CREDANCHOR_LEDGER__RPC_URLS"}


def _checked(parse: object) -> AfterValidator:
    def check(text: str) -> str:
        try:
            parse(text)  # type: ignore[operator]
        except InvalidInput as wrong:
            raise ValueError(wrong.message) from wrong
        return text

    return AfterValidator(check)


FinalityText = Annotated[str, _checked(parse_finality)]
RegistryText = Annotated[str, _checked(parse_registry)]
DidText = Annotated[str, _checked(parse_did)]
HttpUrlText = Annotated[str, _checked(parse_http_url)]
AddressText = Annotated[str, _checked(parse_address)]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class StoreSettings(_Group):
    """The database."""

    url: str = Field(default="sqlite:///credanchor.db", repr=False)
    """`sqlite:///<file>` or `postgresql://<user>:<password>@<host>/<database>`."""

    pool_size: int = Field(default=20, ge=1, le=1000)
    """Connections a process keeps; as many again are opened when needed. The API has 40 threads: keep this at 20 or more."""

    busy_timeout_s: float = Field(default=30.0, gt=0, le=3600)
    """Longest wait for a lock, in seconds; on PostgreSQL also the longest an idle transaction may live."""


class LedgerSettings(_Group):
    """The node, the contract, the key and what may be paid."""

    rpc_urls: SecretStr = SecretStr("http://127.0.0.1:8545")
    """JSON-RPC endpoints of independent nodes, separated by commas. A secret, because providers put access keys into them."""

    rpc_timeout_s: float = Field(default=15.0, gt=0, le=600)
    """Longest wait for one whole answer of a node or a remote signer, in seconds."""

    rpc_max_bytes: int = Field(default=16 * 1024 * 1024, ge=64 * 1024, le=1024**3)
    """Longest answer of a node or a remote signer that is read, in bytes."""

    registry: RegistryText | None = None
    """The contract, `eip155:<chain id>:<address>`. Rounds refuse any other chain and foreign code at the address."""

    deployment: Path | None = None
    """A deployment file that names the contract, in place of `registry`."""

    first_block: int | None = Field(default=None, ge=0, le=10**12)
    """Where the contract's events begin; else the block in the deployment file that names the contract, else 0."""

    logs_block_range: int = Field(default=5_000, ge=1, le=10_000_000)
    """Blocks whose events are asked for at once, at most; fewer where the node refuses."""

    keystore: Path | None = None
    """The anchoring key: an encrypted keystore file (Web3 Secret Storage), mode 0600."""

    keystore_password_file: Path | None = None
    """A file with the keystore's password, mode 0600."""

    private_key: SecretStr | None = None
    """The anchoring key in hexadecimal, in place of a keystore; for development."""

    signer_url: SecretStr | None = None
    """A remote signer that has the anchoring key, in place of a keystore: web3signer, or another with `eth_signTransaction`."""

    signer_account: AddressText | None = None
    """The account that a remote signer signs for."""

    signer_token_file: Path | None = None
    """A file with the bearer token that a remote signer wants, mode 0600."""

    signer_certificate: Path | None = None
    """A PEM file with the certificate by which a remote signer knows us, and its key, mode 0600."""

    fee_policy: FeePolicy = FeePolicy.ZERO
    """`zero` on fee-less ledgers such as EBSI's, `market` on EIP-1559 chains, `legacy` on chains with a gas price only."""

    tip_gwei: float = Field(default=1.0, ge=0, le=10_000)
    """Priority fee under the policy `market`, in gwei per gas."""

    max_fee_gwei: float = Field(default=100.0, ge=0, le=1_000_000)
    """Hard cap of what is offered, in gwei per gas. Above it a round waits."""

    patience_s: float = Field(default=300.0, ge=1, le=86_400)
    """How long a transaction may stay out of the blocks before an eighth more is offered for it, in seconds."""

    finality: FinalityText = "finalized"
    """When an anchor is final: `finalized`, `safe`, or `depth:<blocks>`. Use `depth:0` on QBFT and IBFT 2.0 ledgers."""

    gas_base: int = Field(default=80_000, ge=21_000, le=30_000_000)
    """Gas limit of an anchoring transaction, without its roots and heads."""

    gas_per_root: int = Field(default=45_000, ge=1_000, le=30_000_000)
    """Gas limit added for each root in it."""

    gas_per_head: int = Field(default=65_000, ge=1_000, le=30_000_000)
    """Gas limit added for each status list in it. The first version of a list takes most."""

    stalled_s: float = Field(default=600.0, gt=0, le=86_400)
    """A ledger without a new block for so long counts as stalled, in seconds. It changes warnings, nothing else."""

    low_balance_rounds: int = Field(default=100, ge=0, le=1_000_000)
    """A key that cannot pay for so many more rounds counts as low on funds. It changes warnings, nothing else."""

    confirm_s: float = Field(default=120.0, gt=0, le=3600)
    """How long `ledger deploy` and its kin wait for their transaction to be mined, in seconds."""


class RoundSettings(_Group):
    """The cron job."""

    every_s: float = Field(default=60.0, gt=0, le=86_400)
    """How often cron runs a round, in seconds. Used for `Retry-After` until enough rounds have been seen."""

    lease_s: float = Field(default=120.0, gt=0, le=86_400)
    """How long a round that no longer shows life keeps others out, in seconds."""

    follow_s: float = Field(default=30.0, ge=0, le=3600)
    """How long a round waits for its transaction to become final before it leaves that to the next, in seconds."""

    poll_s: float = Field(default=1.0, gt=0, le=60)
    """Pause between two looks at the ledger meanwhile, in seconds."""

    max_leaves: int = Field(default=MAX_LEAVES, ge=1, le=MAX_LEAVES)
    """Entries in one batch at most."""

    hash_processes: int | None = Field(default=None, ge=0, le=64)
    """Processes that hash a batch of 65,536 entries or more; by default one a core, with 0 the round's own does."""

    max_roots: int = Field(default=100, ge=1, le=1000)
    """Batches anchored by one transaction at most."""

    max_heads: int = Field(default=180, ge=1, le=2000)
    """Status lists published by one transaction at most. With the defaults it stays within 16,777,216 gas (EIP-7825)."""

    raw_roots: bool = False
    """Anchor batches with digests of Blockcerts by their 32 bytes alone, as Blockcerts verifiers ask; it states no leaf count."""

    canary_every_s: float = Field(default=3600.0, ge=0, le=86_400)
    """How often a digest of our own goes along with those of issuers, in seconds; 0 for never."""


class ManifestSettings(_Group):
    """The second place, in which each batch's manifest is kept."""

    folder: Path | None = None
    """A folder, best mounted from another machine. It must be there; nothing is submitted while it is not."""

    key_file: Path | None = None
    """A file with the key that manifests are encrypted with, mode 0600."""


class TileSettings(_Group):
    """Final batches as static files, written and read."""

    parallel: int = Field(default=32, ge=1, le=256)
    """Files written at once to an object store; into a folder they are written one by one."""

    timeout_s: float = Field(default=30.0, ge=1, le=600)
    """Longest wait for one answer of the place where they are, in seconds; it is asked three times."""


class StatusSettings(_Group):
    """Status lists, and who signs them."""

    keys: Path | None = None
    """A folder with the keys that sign status lists, made by `credanchor status key create`."""

    did: DidText | None = None
    """Whom the service signs as. Without it: the did:web of `api.public_url` if that is https, else each key's own did:key."""

    cryptosuite: Literal["eddsa-jcs-2022", "ecdsa-jcs-2019"] = "eddsa-jcs-2022"
    """Of the Data Integrity proof of a list in JSON, where a reader asks for none."""

    list_entries: int = Field(default=MIN_ENTRIES, ge=MIN_ENTRIES, le=MAX_ENTRIES, multiple_of=8)
    """Entries of a new numbered list; a multiple of 8."""

    valid_s: int = Field(default=86_400, ge=60, le=31_536_000)
    """How long a signed list is valid, in seconds."""

    refresh_s: int = Field(default=3600, ge=1, le=31_536_000)
    """How often an unchanged list is signed anew, in seconds."""

    ttl_s: int = Field(default=300, ge=0, le=31_536_000)
    """How long readers and caches keep an unchanged list, in seconds."""

    ebsi_schema: str = (
        "https://api-pilot.ebsi.eu/trusted-schemas-registry/v3/schemas/zDpWGUBenmqXzurskry9Nsk6vq2R8thh9VSeoRqguoyMD"
    )
    """The schema that a list in EBSI's form names: EBSI's of attestations, on the network of its readers."""

    @model_validator(mode="after")
    def _valid_while_kept(self) -> Self:
        if self.valid_s <= self.refresh_s + self.ttl_s:
            raise ValueError("valid_s must exceed refresh_s and ttl_s together, or readers keep lists that have expired")
        return self


class ApiSettings(_Group):
    """The HTTP service."""

    public_url: str = "http://127.0.0.1:8000"
    """Where readers reach the service; links in answers begin with it."""

    max_credential_bytes: int = Field(default=20 * 1024 * 1024, ge=1024, le=1024**3)
    """Largest credential taken, in bytes."""

    max_digests: int = Field(default=100_000, ge=1, le=1_000_000)
    """Digests taken in one request at most."""

    max_json_depth: int = Field(default=64, ge=2, le=64)
    """Deepest nesting of JSON taken. It can only go down: verifiers read no deeper than 64."""

    body_timeout_s: float = Field(default=60.0, gt=0, le=3600)
    """Longest a client may take to send a body of credentials, digests or changes, in seconds."""

    small_body_timeout_s: float = Field(default=10.0, gt=0, le=3600)
    """Longest it may take to send one of a few words, of at most 4,096 bytes, in seconds."""

    body_memory_bytes: int = Field(default=128 * 1024 * 1024, ge=4 * 1024 * 1024, le=1024**4)
    """What bodies of more than 64 KiB and reading them may take of the memory of each process, in bytes."""

    body_bytes_per_s: int = Field(default=32 * 1024, ge=1, le=1024**3)
    """How fast a body of more than 64 KiB must come, in bytes a second; 16 times so fast while others wait for its room."""

    key_cache_s: float = Field(default=1.0, ge=0, le=60)
    """How long a worker goes by what it knows of an API key, in seconds: a revoked key opens nothing after that."""

    failed_attempts: int = Field(default=10, ge=1, le=1_000_000)
    """Keys that open nothing, from one address within a minute, before further ones are answered 429."""

    failed_attempt_s: float = Field(default=0.1, ge=0, le=10)
    """How long the answer to one takes, in seconds, whatever is wrong with it."""

    trusted_proxies: str = "127.0.0.1,::1"
    """Addresses and networks, separated by commas, whose `X-Forwarded-For` is believed; `*` for any."""

    public_rpc_url: HttpUrlText | None = None
    """A node that anybody may ask from a browser. The page at `/verify` reads roots and heads of status lists from it."""

    public_issuers_registry: HttpUrlText | None = None
    """A Trusted Issuers Registry, the URL of its issuers. The page at `/verify` asks it whether issuers are accredited."""

    stats_cache_s: int = Field(default=5, ge=1, le=3600)
    """How long a worker, and caches, keep what `GET /v1/stats` answers, in seconds."""

    vc_api_issuer: DidText | None = None
    """Whose credentials `/v1/vc-api` issues, to whoever asks; none switches it off. Only for runs of interoperability suites."""

    max_merge_delay_s: int = Field(default=86_400, ge=60, le=31_536_000)
    """What issuers are promised: the longest from the answer to a post to its final anchor, in seconds."""

    max_waiting: int = Field(default=10_000_000, ge=1, le=1_000_000_000)
    """Entries that may wait to be sealed. Above it posts are answered 503, so that what was accepted can keep its promise."""


class OAuthSettings(_Group):
    """An authorization server whose access tokens open beside API keys. Without `issuer` there is none."""

    issuer: str | None = None
    """`iss` of its tokens, exactly."""

    audience: str | None = None
    """What `aud` of a token must name."""

    jwks_url: str | None = None
    """Where its public keys are: a JSON Web Key Set."""

    jwks_file: Path | None = None
    """A file with them, in place of a URL."""

    allow_private: bool = False
    """Whether the URL may be plain HTTP, and of a host of the own network."""

    jwks_timeout_s: float = Field(default=5.0, gt=0, le=60)
    """Longest wait for the keys, in seconds."""

    jwks_cache_s: float = Field(default=600.0, ge=1, le=86_400)
    """How old they may be before they are fetched again, in seconds: a key that was withdrawn opens for no longer."""

    jwks_pause_s: float = Field(default=10.0, ge=1, le=3600)
    """Shortest time between two fetches, in seconds, whatever keys tokens name."""

    jwks_kept_s: float = Field(default=86_400.0, ge=1, le=2_592_000)
    """How long keys count while the server gives no newer ones, in seconds. Then tokens are answered 503."""

    algorithms: str = "RS256,ES256"
    """What tokens may be signed with, separated by commas: RS, PS or ES with 256, 384 or 512, EdDSA, Ed25519."""

    issuer_claim: str = "credanchor_issuer"
    """The claim that holds the DID of the issuer for whom the client acts."""

    clients_file: Path | None = None
    """A JSON file that says so in place of the claim: `{"client": "did:…"}`, by `client_id`, `azp` or `sub`. Read at start."""

    scope_prefix: str | None = None
    """What stands before our scopes in tokens, such as `https://anchors.example/`."""

    skew_s: float = Field(default=60.0, ge=0, le=600)
    """How far the server's clock may be from ours, in seconds."""

    max_token_bytes: int = Field(default=8192, ge=512, le=65_536)
    """Longest token, in bytes."""


class LimitSettings(_Group):
    """How often one may ask, on each host; and what an issuer may write in a day, on all together."""

    window_s: int = Field(default=10, ge=1, le=3600)
    """In how many seconds what was spent of the next two comes back."""

    per_address: int = Field(default=2_000, ge=0, le=100_000_000)
    """Requests of one address (IPv6: /64) in a window, with or without a key; 0 for any number."""

    per_key: int = Field(default=1_000, ge=0, le=100_000_000)
    """Requests with one API key in a window; 0 for any number."""

    items_per_day: int = Field(default=10_000_000, ge=0, le=MOST_ITEMS_PER_DAY)
    """What an issuer that has no quota of its own may write in a day (UTC), in items; 0 for any number."""

    header_bytes: int = Field(default=32 * 1024, ge=4096, le=1024 * 1024)
    """Largest request line and header fields together, in bytes."""

    header_timeout_s: float = Field(default=10, gt=0, le=3600)
    """Longest a client may take to send them, in seconds."""


class AuditLogSettings(_Group):
    """The record of every write and every administrative act."""

    anchor: bool = True
    """Whether the newest record's hash goes along with each round that anchors digests of issuers."""

    sources_kept_days: int = Field(default=365, ge=0, le=36_500)
    """How long the log says from which address, or by which user of which host, an act came, in days; 0 for ever."""


class ClientSettings(_Group):
    """The command line as a client of the service."""

    url: str = Field(default="http://127.0.0.1:8000", repr=False)
    """The service that `credential submit`, `proof get` and `status` talk to."""

    api_key: SecretStr | None = None
    """The issuer's API key."""


class Settings(BaseSettings):
    """All of it."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=DELIMITER,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        env_ignore_empty=True,
    )

    store: StoreSettings = StoreSettings()
    ledger: LedgerSettings = LedgerSettings()
    rounds: RoundSettings = RoundSettings()
    manifests: ManifestSettings = ManifestSettings()
    tiles: TileSettings = TileSettings()
    status: StatusSettings = StatusSettings()
    api: ApiSettings = ApiSettings()
    limits: LimitSettings = LimitSettings()
    oauth: OAuthSettings = OAuthSettings()
    audit_log: AuditLogSettings = AuditLogSettings()
    client: ClientSettings = ClientSettings()


def read_settings() -> Settings:
    """Raises: Misconfigured, naming each setting that is wrong or unknown and never its value."""
    unknown = sorted(name for name in os.environ if name.upper().startswith(PREFIX) and not _names_a_setting(name))
    if unknown:
        renamed = "".join(f"; {old} is now {new}" for old, new in RENAMED.items() if old in unknown)
        raise Misconfigured(f"unknown setting: {', '.join(unknown)}; docs/settings.md lists them all{renamed}")
    try:
        return Settings()
    except ValidationError as invalid:
        wrong = "; ".join(f"{_variable(error['loc'])}: {error['msg']}" for error in invalid.errors(include_input=False))
        raise Misconfigured(wrong) from None


def _names_a_setting(variable: str) -> bool:
    group, _, name = variable.upper().removeprefix(PREFIX).lower().partition(DELIMITER)
    field = Settings.model_fields.get(group)
    kind = field.annotation if field else None
    return isinstance(kind, type) and issubclass(kind, BaseModel) and name in kind.model_fields


def _variable(location: Iterable[int | str]) -> str:
    return PREFIX + DELIMITER.join(map(str, location)).upper()
