/* A form whose button lets the browser make a passkey (data-ceremony="create") or answer with one ("get"). The server's options
   come by json_script; the answer goes into the form's hidden field, and the form is sent as any other. */

const supported = () =>
  Boolean(window.PublicKeyCredential?.parseCreationOptionsFromJSON && window.PublicKeyCredential?.parseRequestOptionsFromJSON);

export default function passkey(form) {
  const button = form.querySelector("[data-passkey-button]");
  const message = form.querySelector("[data-passkey-message]");
  const say = (text) => { message.textContent = text; message.hidden = !text; };
  if (!supported()) {
    button.disabled = true;
    say(form.dataset.textUnsupported);
    return;
  }
  const { publicKey } = JSON.parse(document.getElementById(form.dataset.options).textContent);
  const ceremony = async () => {
    const api = window.PublicKeyCredential;
    return form.dataset.ceremony === "create"
      ? navigator.credentials.create({ publicKey: api.parseCreationOptionsFromJSON(publicKey) })
      : navigator.credentials.get({ publicKey: api.parseRequestOptionsFromJSON(publicKey) });
  };
  button.addEventListener("click", async () => {
    say("");
    button.disabled = true;
    try {
      const credential = await ceremony();
      form.elements.namedItem("credential").value = JSON.stringify(credential.toJSON());
      form.submit();
    } catch (error) {
      // Browsers say no more than that: nobody may learn which passkeys a device has.
      say(error.name === "InvalidStateError" ? form.dataset.textKnown : form.dataset.textFailed);
      button.disabled = false;
    }
  });
}
