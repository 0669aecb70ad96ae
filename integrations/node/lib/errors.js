/** What a caller can catch; each message is one line. A wrong argument is a TypeError. */

export class OpecomSdkError extends Error {
  name = this.constructor.name;
}

/** The server refused for good: the same again is refused again. */
export class RefusedError extends OpecomSdkError {
  constructor(status, code, reason) {
    super(`refused (${status} ${code}): ${reason}`);
    Object.assign(this, { status, code, reason });
  }
}

/** No answer that holds came within the time given: send the same again later, it counts once. */
export class UnavailableError extends OpecomSdkError {}

/** A webhook that was not signed with this secret, was changed on its way, or is too old. */
export class SignatureError extends OpecomSdkError {}
