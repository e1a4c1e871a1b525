FROM localhost/trimtab/python:3.11-bookworm
COPY server.py /srv/app/
RUN python -m compileall -q /srv/app
WORKDIR /srv/app
LABEL org.opencontainers.image.title="words"
ENV GREETING=hello
EXPOSE 8000
CMD ["python", "server.py"]
