// Vapi's Web SDK, an entry of its own so that no other page carries it.
import * as sdk from "@vapi-ai/web";

// A CommonJS package: its class is the default of the default.
const Vapi = sdk.default?.default ?? sdk.default;
export default Vapi;
