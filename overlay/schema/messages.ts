/** The messages of `peer.proto` in types, each with its codec; keep the two files in step. */
import { createCodec } from "./codec.ts";

export interface Signed {
  body: Uint8Array;
  signature: Uint8Array;
}

export interface CertificateBody {
  overlay: Uint8Array;
  host: Uint8Array;
  issuer: Uint8Array;
  mayAdmit: boolean;
  depth: number;
  admittedAtMs: bigint;
  notAfterMs: bigint;
  linkSubnet: Uint8Array;
}

export interface Membership {
  chain: Signed[];
}

export interface TokenBody {
  overlay: Uint8Array;
  token: Uint8Array;
  issuer: Uint8Array;
  mayAdmit: boolean;
  notAfterMs: bigint;
  contacts: string[];
  overlayName: string;
  issuerMembership: Membership | null;
  linkKey: Uint8Array;
}

export interface Token {
  body: Signed | null;
  secret: Uint8Array;
}

export interface Hello {
  wireMin: number;
  wireMax: number;
  nonce: Uint8Array;
  host: Uint8Array;
  overlay: Uint8Array;
  membership: Membership | null;
  subnet: Uint8Array;
  hostSet: Signed | null;
  wallMs: bigint;
  claim: SubnetClaim | null;
  statement: Signed | null;
  revocations: Uint8Array;
}

export interface Proof {
  signature: Uint8Array;
  subnetSignature: Uint8Array;
}

export interface Request {
  id: number;
  method: string;
  body: Uint8Array;
}

export interface Response {
  id: number;
  body: Uint8Array;
  errorCode: string;
  errorMessage: string;
}

export interface Notice {
  method: string;
  body: Uint8Array;
}

export interface Goodbye {
  code: string;
  reason: string;
}

/** Exactly one member is set, besides the version. */
export interface Frame {
  /** Version that it is written in. */
  wire?: number;
  hello?: Hello | null;
  proof?: Proof | null;
  request?: Request | null;
  response?: Response | null;
  notice?: Notice | null;
  ping?: number;
  pong?: number;
  goodbye?: Goodbye | null;
}

export interface AdmitRequest {
  token: Signed | null;
  tokenSignature: Uint8Array;
  wantsSubnet: boolean;
  loneMadeMs: bigint;
  name: string;
}

export interface OverlayInfo {
  overlay: Uint8Array;
  name: string;
  secret: Uint8Array;
  locked: boolean;
  madeMs: bigint;
  lone: boolean;
}

export interface AdmitResponse {
  membership: Membership | null;
  overlay: OverlayInfo | null;
  subnet: SubnetHandover | null;
  contacts: Signed[];
}

export interface SubnetClaim {
  subnet: Uint8Array;
  stampMs: bigint;
  generation: number;
  maker: Uint8Array;
  makerAdmittedMs: bigint;
  subnetSignature: Uint8Array;
  makerSignature: Uint8Array;
  makerMembership: Membership | null;
  predecessor: Uint8Array;
  predecessorSignature: Uint8Array;
}

export interface SubnetHandover {
  seed: Uint8Array;
  claim: SubnetClaim | null;
  hostSet: Signed | null;
  overlay: OverlayInfo | null;
  contacts: Signed[];
  membership: Membership | null;
}

export interface RevocationBody {
  overlay: Uint8Array;
  host: Uint8Array;
  issuer: Uint8Array;
  revokedAtMs: bigint;
  issuerMembership: Membership | null;
  kept: Uint8Array[];
}

export interface RevocationPull {
  known: Uint8Array;
}

export interface Revocations {
  items: Signed[];
  isMore: boolean;
}

export interface Approval {
  host: Uint8Array;
  membership: Membership | null;
}

export interface PendingHost {
  host: Uint8Array;
  name: string;
  address: string;
  waitingMs: number;
}

export interface Renewal {
  membership: Membership | null;
}

export interface HostStatement {
  host: Uint8Array;
  subnet: Uint8Array;
  name: string;
  subnetAddresses: string[];
  hostAddresses: string[];
  sequence: number;
  goodForMs: number;
  membership: Membership | null;
  relays: Relay[];
  reach: number;
}

export interface Relay {
  host: Uint8Array;
  address: string;
}

export interface DialBackRequest {
  statement: Signed | null;
}

export interface DialBackResponse {
  isReached: boolean;
}

export interface HostSetBody {
  subnet: Uint8Array;
  generation: number;
  version: bigint;
  statements: Signed[];
  peerRecord: Uint8Array;
}

export interface HostSets {
  sets: Signed[];
}

export interface HostSetPull {
  knownVersion: bigint;
}

export interface RecordItem {
  record: Uint8Array;
  remainingMs: number;
  origin?: RecordOrigin | null;
}

export interface RecordOrigin {
  subnet: Uint8Array;
  host: Uint8Array;
  isVouched: boolean;
}

export interface PutRequest {
  items: RecordItem[];
  isInside: boolean;
}

export interface PutOutcome {
  result: number;
  floor: bigint;
  message: string;
  copies: number;
}

export interface PutResponse {
  outcomes: PutOutcome[];
}

export interface GetRequest {
  key: Uint8Array;
  isInside: boolean;
  isQuick: boolean;
  after: string;
}

export interface GetResponse {
  items: RecordItem[];
  resolvedBy: number;
  host: Uint8Array;
  next: string;
}

export interface WatchRequest {
  key: Uint8Array;
  id: number;
  isCancel: boolean;
}

export interface WatchNotice {
  id: number;
  key: Uint8Array;
  items: RecordItem[];
}

export interface InterestNotice {
  key: Uint8Array;
  isCancel: boolean;
}

export interface FloorsRequest {
  slots: Uint8Array[];
  isInside: boolean;
}

export interface Floor {
  version: bigint;
  remainingMs: number;
  isRemoved: boolean;
}

export interface FloorsResponse {
  floors: Floor[];
}

const KIB = 1024;

export const CertificateBodyCodec = createCodec<CertificateBody>("CertificateBody", KIB);
export const MembershipCodec = createCodec<Membership>("Membership", 4 * KIB);
export const TokenBodyCodec = createCodec<TokenBody>("TokenBody", 8 * KIB);
export const TokenCodec = createCodec<Token>("Token", 12 * KIB);
export const FrameCodec = createCodec<Frame>("Frame");
export const AdmitRequestCodec = createCodec<AdmitRequest>("AdmitRequest", 16 * KIB);
export const AdmitResponseCodec = createCodec<AdmitResponse>("AdmitResponse");
export const SubnetClaimCodec = createCodec<SubnetClaim>("SubnetClaim", 6 * KIB);
export const SubnetHandoverCodec = createCodec<SubnetHandover>("SubnetHandover");
export const RevocationBodyCodec = createCodec<RevocationBody>("RevocationBody", 16 * KIB);
export const RevocationPullCodec = createCodec<RevocationPull>("RevocationPull", 72 * KIB);
export const RevocationsCodec = createCodec<Revocations>("Revocations");
export const ApprovalCodec = createCodec<Approval>("Approval", 8 * KIB);
export const PendingHostCodec = createCodec<PendingHost>("PendingHost", KIB);
export const RenewalCodec = createCodec<Renewal>("Renewal", 6 * KIB);
export const HostStatementCodec = createCodec<HostStatement>("HostStatement", 8 * KIB);
export const HostSetBodyCodec = createCodec<HostSetBody>("HostSetBody", 64 * KIB);
export const HostSetsCodec = createCodec<HostSets>("HostSets");
export const DialBackRequestCodec = createCodec<DialBackRequest>("DialBackRequest", 16 * KIB);
export const DialBackResponseCodec = createCodec<DialBackResponse>("DialBackResponse", KIB);
export const OverlayInfoCodec = createCodec<OverlayInfo>("OverlayInfo", KIB);
export const SignedCodec = createCodec<Signed>("Signed", 64 * KIB);
export const HostSetPullCodec = createCodec<HostSetPull>("HostSetPull", KIB);
export const PutRequestCodec = createCodec<PutRequest>("PutRequest");
export const PutResponseCodec = createCodec<PutResponse>("PutResponse");
export const GetRequestCodec = createCodec<GetRequest>("GetRequest", KIB);
export const GetResponseCodec = createCodec<GetResponse>("GetResponse");
export const WatchRequestCodec = createCodec<WatchRequest>("WatchRequest", KIB);
export const WatchNoticeCodec = createCodec<WatchNotice>("WatchNotice");
export const InterestNoticeCodec = createCodec<InterestNotice>("InterestNotice", KIB);
export const FloorsRequestCodec = createCodec<FloorsRequest>("FloorsRequest");
export const FloorsResponseCodec = createCodec<FloorsResponse>("FloorsResponse");
