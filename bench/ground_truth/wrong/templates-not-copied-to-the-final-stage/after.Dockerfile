FROM localhost/trimtab/python:3.11-bookworm AS build
WORKDIR /srv/letters
COPY . .
RUN mkdir -p /out/letters && cp letters/*.py /out/letters/

FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/letters
COPY --from=build /out/ ./
EXPOSE 8000
CMD ["python", "-m", "letters"]
