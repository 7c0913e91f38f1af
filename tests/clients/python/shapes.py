"""What a request means, read from the body in which it reached the upstream: the same whatever dialect that speaks."""


def limit(side, body):
    """How many tokens may be generated."""
    return {
        "fake-openai": lambda: body["max_tokens"],
        "fake-responses": lambda: body["max_output_tokens"],
        "fake-anthropic": lambda: body["max_tokens"],
        "fake-gemini": lambda: body["generationConfig"]["maxOutputTokens"],
        "fake-ollama": lambda: body["options"]["num_predict"],
    }[side]()


def temperature(side, body):
    inner = {"fake-gemini": "generationConfig", "fake-ollama": "options"}.get(side)
    return (body[inner] if inner else body)["temperature"]


def stop(side, body):
    """The texts that end an answer; OpenAI's Responses cannot be told any."""
    found = {
        "fake-openai": lambda: body["stop"],
        "fake-responses": lambda: [],
        "fake-anthropic": lambda: body["stop_sequences"],
        "fake-gemini": lambda: body["generationConfig"]["stopSequences"],
        "fake-ollama": lambda: body["options"]["stop"],
    }[side]()
    return [found] if isinstance(found, str) else found


def text_of(content):
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content)


def system(side, body):
    """The instructions."""
    if side == "fake-anthropic":
        return text_of(body["system"])
    if side == "fake-gemini":
        return text_of(body["systemInstruction"]["parts"])
    if body.get("instructions"):
        return body["instructions"]
    turns = body["input"] if side == "fake-responses" else body["messages"]
    return "".join(text_of(turn["content"]) for turn in turns if turn["role"] in ("system", "developer"))


def tool_choice(side, body):
    """`auto`, `required`, `none`, or the name of the one tool to be called."""
    if side == "fake-gemini":
        config = body["toolConfig"]["functionCallingConfig"]
        names = config.get("allowedFunctionNames") or [None]
        return names[0] or {"AUTO": "auto", "ANY": "required", "NONE": "none"}[config["mode"]]
    choice = body["tool_choice"]
    if isinstance(choice, str):
        return choice
    name = choice.get("name") or choice.get("function", {}).get("name")
    return name or {"auto": "auto", "any": "required", "none": "none"}[choice["type"]]


def tools(side, body):
    """The functions: name, description and schema of each."""
    if side == "fake-gemini":
        functions = body["tools"][0]["functionDeclarations"]
        schema = lambda it: it.get("parametersJsonSchema") or it.get("parameters_json_schema") or it.get("parameters")
    elif side in ("fake-openai", "fake-ollama"):
        functions = [tool["function"] for tool in body["tools"]]
        schema = lambda it: it["parameters"]
    else:
        functions = body["tools"]
        schema = lambda it: it.get("input_schema") or it["parameters"]
    return [(it["name"], it.get("description"), schema(it)) for it in functions]


def images(side, body):
    """The pictures of the last turn, by their addresses; those sent whole as `data:` addresses."""
    if side == "fake-ollama":
        # It does not say what they are, and fetches none.
        return [f"data:image/png;base64,{data}" for data in body["messages"][-1].get("images", [])]

    def address(part):
        if side == "fake-openai":
            return part.get("image_url", {}).get("url")
        if side == "fake-responses":
            return part.get("image_url")
        if side == "fake-anthropic":
            source = part.get("source", {})
            whole = source.get("type") == "base64"
            return f"data:{source['media_type']};base64,{source['data']}" if whole else source.get("url")
        # Google's library writes some names in one way and some in the other, and base64 as in addresses.
        blob, file = part.get("inlineData"), part.get("fileData", {})
        if blob:
            data = blob["data"].replace("-", "+").replace("_", "/")
            return f"data:{blob.get('mimeType') or blob.get('mime_type')};base64,{data}"
        return file.get("fileUri") or file.get("file_uri")

    turns = {"fake-responses": "input", "fake-gemini": "contents"}.get(side, "messages")
    last = body[turns][-1]
    parts = last["parts"] if side == "fake-gemini" else last["content"]
    return [found for found in map(address, parts) if found]


def schema(side, body):
    """The schema that the answer must follow."""
    return {
        "fake-openai": lambda: body["response_format"]["json_schema"]["schema"],
        "fake-responses": lambda: body["text"]["format"]["schema"],
        "fake-anthropic": lambda: body["output_config"]["format"]["schema"],
        "fake-ollama": lambda: body["format"],
        "fake-gemini": lambda: body["generationConfig"].get("responseJsonSchema")
        or body["generationConfig"]["responseSchema"],
    }[side]()


def proofs(side, body):
    """The signatures and sealed thoughts that the conversation holds."""
    if side == "fake-responses":
        found = [item.get("encrypted_content") for item in body["input"] if isinstance(item, dict)]
    elif side == "fake-gemini":
        found = [part.get("thoughtSignature") for turn in body["contents"] for part in turn["parts"]]
    else:
        turns = [turn["content"] for turn in body["messages"] if isinstance(turn["content"], list)]
        found = [part.get("signature") or part.get("data") for parts in turns for part in parts]
    return [proof for proof in found if proof]
